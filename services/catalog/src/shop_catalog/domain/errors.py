"""What the rules of catalog refuse.

::

    DomainError
    ├── AccessDenied           the caller has no role for it
    ├── KeyReused              the idempotency key came with another request before
    ├── VersionConflict        somebody changed the product meanwhile
    ├── ProductNotFound
    ├── CategoryNotFound
    ├── UnknownCategory        a product is to go into a category that there is not
    ├── CategoryTaken          the parent has another child of this name
    ├── CategoryInUse          there are products in it, or categories below it
    ├── InvalidCategoryTree    a category would be below itself, or too deep
    ├── UnknownVariant         the product has no such variant
    ├── VariantNeeded          the product has several, and none was named
    ├── InvalidVariants        they cannot be told apart, or not be paid for alike
    ├── InvalidTranslations    two texts in the same language
    ├── IllegalStatus          what was archived is not published at once
    ├── CurrencyNeeded         prices are to be compared, and no currency is named
    ├── ReferenceTaken         another product has this external reference
    ├── OrderNotFound          also for those who may not know that it exists
    ├── SkuTaken               another product carries this stock keeping unit
    ├── StockOutOfRange        an adjustment would leave less than nothing, or too much
    ├── UnknownProducts        a basket names products that are not for sale
    ├── MixedCurrencies        a basket would have to be paid in two currencies
    ├── TotalTooLarge          more than a card network takes at once
    ├── InvalidPromotion       it could never be used, or not be counted
    ├── PromotionNotFound
    ├── CodeTaken              another promotion has this coupon code
    ├── CouponRefused          the coupon does not hold here
    ├── PriceChanged           the total that the customer saw no longer holds
    ├── OutOfStock             there is less than was asked for
    ├── PaymentDeclined        the provider said no; the order is cancelled
    ├── IllegalMove            the order is not in a state for it
    ├── ShipmentNotFound
    ├── RefundNotFound
    ├── ReturnNotFound
    ├── ReturnTooLate          the order arrived too long ago
    ├── RefundTooLarge         more than is left of what was paid, or nothing
    ├── UnknownLine            the order has no line of a product
    ├── TooManyPieces          more than there are left to do this with
    ├── ReviewNotFound         also for those who may not know that it exists
    ├── AlreadyReviewed        a customer has one review of a product
    ├── NotBought              only buyers review a product
    ├── EmptySearch            there is no word in what was searched for
    ├── SearchNotReady         the index is being built
    ├── SearchNotFound         there is none, or it is too long ago
    ├── NotAResult             the product was not found by that search
    ├── ForgedWebhook          not signed by the provider, or too old
    └── MalformedWebhook       signed, and not to be understood

``members`` is what a client is told besides the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shop_events.contracts import DomainError


class AccessDenied(DomainError):
    """The caller has no role for it."""


class KeyReused(DomainError):
    """The idempotency key came with another request before; if that placed an order, ``order_id`` is its."""

    def __init__(self, text: str, order_id: str | None = None) -> None:
        self.members = {"order_id": order_id} if order_id else {}
        super().__init__(text)


class EmptySearch(DomainError):
    """There is no word in what was searched for."""


class SearchNotReady(DomainError):
    """This process has not read all products yet."""


class SearchNotFound(DomainError):
    """There is no such search, or it is too long ago."""


class NotAResult(DomainError):
    """The product was not among the results of the search."""


class VersionConflict(DomainError):
    """Somebody changed the product since the caller read it."""


class ProductNotFound(DomainError):
    """There is no such product, or no longer."""


class CategoryNotFound(DomainError):
    """There is no such category."""


class UnknownCategory(DomainError):
    """A product, or a category, is to go into a category that there is not."""


class CategoryTaken(DomainError):
    """There is another category of this name in the same place."""


class CategoryInUse(DomainError):
    """There are products in it, or categories below it."""


class InvalidCategoryTree(DomainError):
    """A category would be below itself, or too deep."""


class UnknownVariant(DomainError):
    """The product has no such variant."""


class InvalidVariants(DomainError):
    """Variants cannot be told apart, or cannot be paid for alike."""


class InvalidTranslations(DomainError):
    """Two texts of a product are in the same language."""


class IllegalStatus(DomainError):
    """A product cannot come into this status from the present one."""


class CurrencyNeeded(DomainError):
    """Prices are to be compared, and no currency is named."""


class ReferenceTaken(DomainError):
    """Another product has this external reference."""


class OrderNotFound(DomainError):
    """There is no such order, or it is somebody else's."""


class SkuTaken(DomainError):
    """Another product carries this stock keeping unit."""


class StockOutOfRange(DomainError):
    """An adjustment would leave less than nothing, or more than can be counted."""


class _OfProducts(DomainError):
    """Something is the matter with some of the products of a basket."""

    def __init__(self, product_ids: Iterable[str]) -> None:
        self.product_ids = sorted(product_ids)
        self.members = {"product_ids": self.product_ids}
        super().__init__(f"{len(self.product_ids)} of the products")


class UnknownProducts(_OfProducts):
    """A basket names products that are not for sale."""


class VariantNeeded(_OfProducts):
    """A product has several variants, and none was named."""


class OutOfStock(_OfProducts):
    """There is less of some products than was asked for.

    Args:
        product_ids: what it is about.
        variant_ids: which of their variants.
    """

    def __init__(self, product_ids: Iterable[str], variant_ids: Iterable[str] = ()) -> None:
        super().__init__(set(product_ids))
        self.members["variant_ids"] = sorted(variant_ids)


class MixedCurrencies(DomainError):
    """A basket would have to be paid in two currencies."""


class TotalTooLarge(DomainError):
    """More than a card network takes at once."""


class InvalidPromotion(DomainError):
    """A promotion could never be used, or not be counted."""


class PromotionNotFound(DomainError):
    """There is no such promotion, or no longer."""


class CodeTaken(DomainError):
    """Another promotion has this coupon code."""


class CouponRefused(DomainError):
    """The coupon does not hold here.

    Args:
        reason: ``unknown``, ``not_valid_now``, ``used_up``, ``used_by_you`` or ``no_effect``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.members = {"reason": reason}
        super().__init__("The coupon does not hold for this order.")


class PriceChanged(DomainError):
    """The total that the customer saw no longer holds.

    Args:
        quote: what holds now, as JSON.
    """

    def __init__(self, quote: dict[str, Any]) -> None:
        self.members = {"quote": quote}
        super().__init__("The total is another one by now.")


class UnknownPaymentMethod(DomainError):
    """The customer has saved no such card; whether anybody else has is not said."""

    def __init__(self) -> None:
        super().__init__("You have no such payment method.")


class PaymentDeclined(DomainError):
    """The provider said no; the order is cancelled, or can be paid in another way until a time."""

    def __init__(self, order_id: str, code: str, payable_until: datetime | None = None) -> None:
        until = payable_until and payable_until.isoformat().replace("+00:00", "Z")
        self.members = {"order_id": order_id, "code": code, "payable_until": until}
        super().__init__(
            "Pay the order in another way." if until else "The order is not to be paid any more."
        )


class IllegalMove(DomainError):
    """The order is not in a state that allows this."""


class ShipmentNotFound(DomainError):
    """The order has no such shipment."""


class RefundNotFound(DomainError):
    """There is no such refund of this order."""


class ReturnNotFound(DomainError):
    """The order has no such return."""


class ReturnTooLate(DomainError):
    """The order arrived too long ago for goods to be returned.

    Args:
        until: when that ended.
    """

    def __init__(self, until: datetime) -> None:
        self.members = {"until": until.isoformat()}
        super().__init__("The time for returning goods of this order is over.")


class RefundTooLarge(DomainError):
    """More than is left of what was paid, or nothing.

    Args:
        left: minor units that could be given back.
    """

    def __init__(self, left: int, currency: str) -> None:
        self.members = {"left": {"amount": left, "currency": currency}}
        super().__init__("That cannot be given back of what was paid.")


class UnknownLine(DomainError):
    """The order has no line of a product, or of the variant."""


class TooManyPieces(DomainError):
    """More pieces than there are left to do this with.

    Args:
        left: how many are, by variant; those of which there are none are left out.
    """

    def __init__(self, left: Mapping[str, int]) -> None:
        self.members = {"left": {variant_id: count for variant_id, count in left.items() if count > 0}}
        super().__init__("There are fewer pieces left.")


class ReviewNotFound(DomainError):
    """There is no such review, or none that the caller may know of."""


class AlreadyReviewed(DomainError):
    """The customer has reviewed the product before."""


class NotBought(DomainError):
    """The customer has no order of the product that was paid."""


class ForgedWebhook(DomainError):
    """Not signed by the provider, or too old."""


class MalformedWebhook(DomainError):
    """Signed by the provider, and not to be understood."""
