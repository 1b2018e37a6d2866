"""HTTP in: categories, products, variants, stock, prices, orders, reviews, and what the provider tells."""

from shop_catalog.api import (
    categories,
    imports,
    lists,
    orders,
    payments,
    products,
    promotions,
    quotes,
    refunds,
    reviews,
    shipments,
    stock,
    tariffs,
    variants,
)
from shop_catalog.api.errors import ERRORS

ROUTERS = (
    categories.router,
    lists.router,
    imports.router,
    products.router,
    variants.router,
    stock.router,
    promotions.router,
    tariffs.router,
    quotes.router,
    orders.router,
    shipments.router,
    refunds.router,
    payments.router,
    reviews.router,
)

LARGE_BODIES = {imports.IMPORTS: imports.LARGEST_FILE}

__all__ = ["ERRORS", "LARGE_BODIES", "ROUTERS"]
