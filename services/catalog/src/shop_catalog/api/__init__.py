"""HTTP in: categories, products and their variants, stock, prices, orders, and what the provider tells."""

from shop_catalog.api import (
    categories,
    lists,
    orders,
    payments,
    products,
    promotions,
    quotes,
    stock,
    tariffs,
    variants,
)
from shop_catalog.api.errors import ERRORS

ROUTERS = (
    categories.router,
    lists.router,
    products.router,
    variants.router,
    stock.router,
    promotions.router,
    tariffs.router,
    quotes.router,
    orders.router,
    payments.router,
)

__all__ = ["ERRORS", "ROUTERS"]
