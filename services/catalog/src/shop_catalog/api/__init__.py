"""HTTP in: products, stock, orders, and what the payment provider tells."""

from shop_catalog.api import orders, payments, products, stock
from shop_catalog.api.errors import ERRORS

ROUTERS = (products.router, stock.router, orders.router, payments.router)

__all__ = ["ERRORS", "ROUTERS"]
