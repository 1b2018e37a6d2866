"""HTTP in: categories, products and their variants, stock, orders, and what the payment provider tells."""

from shop_catalog.api import categories, lists, orders, payments, products, stock, variants
from shop_catalog.api.errors import ERRORS

ROUTERS = (
    categories.router,
    lists.router,
    products.router,
    variants.router,
    stock.router,
    orders.router,
    payments.router,
)

__all__ = ["ERRORS", "ROUTERS"]
