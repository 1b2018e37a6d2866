"""HTTP in: products and their categories, search, stock, prices, orders, reviews, what the provider tells."""

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
    search,
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
    search.router,
)

LARGE_BODIES = {imports.IMPORTS: imports.LARGEST_FILE}

__all__ = ["ERRORS", "LARGE_BODIES", "ROUTERS"]
