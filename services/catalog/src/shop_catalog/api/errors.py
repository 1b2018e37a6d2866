"""How the errors of the domain are answered."""

from __future__ import annotations

from shop_catalog.domain.errors import (
    AccessDenied,
    ForgedWebhook,
    KeyReused,
    MalformedWebhook,
    MixedCurrencies,
    OrderNotFound,
    OutOfStock,
    PaymentDeclined,
    PriceChanged,
    ProductNotFound,
    SkuTaken,
    StockOutOfRange,
    TotalTooLarge,
    UnknownProducts,
    VersionConflict,
)
from shop_chassis.problems import ErrorMap, Forbidden, NotFound, PreconditionFailed

ERRORS: ErrorMap = {
    AccessDenied: Forbidden,
    ProductNotFound: NotFound,
    OrderNotFound: NotFound,
    VersionConflict: PreconditionFailed,
    SkuTaken: 409,
    StockOutOfRange: 409,
    PriceChanged: 409,
    OutOfStock: 409,
    PaymentDeclined: 402,
    KeyReused: 422,
    UnknownProducts: 422,
    MixedCurrencies: 422,
    TotalTooLarge: 422,
    ForgedWebhook: 403,
    MalformedWebhook: 400,
}
