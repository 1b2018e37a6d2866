"""What catalog tells: products, orders, stock."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from shop_events.contracts.base import Event, Instant, Money

PRODUCTS = "catalog.products.v1"
ORDERS = "catalog.orders.v1"
STOCK = "catalog.stock.v1"


class ProductChanged(Event, type="catalog.product.changed.v1", topic=PRODUCTS, key="product_id"):
    """The product as others may see it, whole: the newest one replaces all earlier ones."""

    product_id: str
    sku: str
    title: str
    description: str = ""
    category: str | None = None
    price: Money
    image_url: str | None = None
    available: bool


class ProductDeleted(
    Event, type="catalog.product.deleted.v1", topic=PRODUCTS, key="product_id", tombstone=True
):
    """The product is gone."""

    product_id: str


class OrderLine(BaseModel):
    """One line as sold: the title and the price of that moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    product_id: str
    title: str
    quantity: int
    unit_price: Money
    line_total: Money


class OrderPlaced(Event, type="catalog.order.placed.v1", topic=ORDERS, key="order_id"):
    """A customer ordered; stock is taken, payment is under way."""

    order_id: str
    user_id: str
    lines: tuple[OrderLine, ...]
    total: Money
    placed_at: Instant


class OrderPaid(Event, type="catalog.order.paid.v1", topic=ORDERS, key="order_id"):
    """The payment was taken; the customer is owed the goods and a receipt."""

    order_id: str
    user_id: str
    lines: tuple[OrderLine, ...]
    total: Money
    paid_at: Instant


class OrderCancelled(Event, type="catalog.order.cancelled.v1", topic=ORDERS, key="order_id"):
    """The order will not be fulfilled; its stock went back."""

    order_id: str
    user_id: str
    lines: tuple[OrderLine, ...]
    total: Money
    reason: str
    cancelled_at: Instant


class StockLow(Event, type="catalog.stock.low.v1", topic=STOCK, key="product_id"):
    """Fewer pieces are left than the merchant wants to have."""

    product_id: str
    left: int
    at: Instant


class StockRanOut(Event, type="catalog.stock.out.v1", topic=STOCK, key="product_id"):
    """The last piece was taken."""

    product_id: str
    at: Instant


class StockReturned(Event, type="catalog.stock.back.v1", topic=STOCK, key="product_id"):
    """There is something to sell again."""

    product_id: str
    left: int
    at: Instant
