"""What catalog tells: products, orders, stock."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from shop_events.contracts.base import Event, Instant, Money

Attribute = str | int | bool
"""What can be said of a product under a name of the merchant's own."""

PRODUCTS = "catalog.products.v1"
ORDERS = "catalog.orders.v1"
STOCK = "catalog.stock.v1"


def first_variant_id(product_id: str) -> str:
    """Return the id of a product's first variant, which is the one meant where no variant is named.

    Lines and events from before there were variants mean it as well.
    """
    return "var_" + product_id.removeprefix("prd_")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ProductText(_Part):
    """What a product is called in one language."""

    title: str
    description: str = ""


class ProductCategory(_Part):
    """A category on the way from the root of the tree to the product."""

    category_id: str
    name: str


class ProductMedia(_Part):
    """A picture, and what it shows in words."""

    url: str
    alt: str = ""


class ProductVariant(_Part):
    """What is bought in the end: one size and colour of a product. Its first price is the usual one."""

    variant_id: str
    sku: str
    options: dict[str, str] = {}
    prices: tuple[Money, ...]
    image_url: str | None = None
    available: bool


class ProductChanged(Event, type="catalog.product.changed.v1", topic=PRODUCTS, key="product_id"):
    """The product as others may see it, whole: the newest one replaces all earlier ones.

    ``title`` and ``description`` are in ``language``, ``translations`` hold the others. ``sku`` and
    ``image_url`` are those that come first, ``price`` is the lowest in the usual currency, and ``available``
    says whether any variant is. Records from before there were variants have none: they mean one, whose id is
    :func:`first_variant_id`.
    """

    product_id: str
    sku: str
    title: str
    description: str = ""
    category: str | None = None
    price: Money
    image_url: str | None = None
    available: bool
    language: str = "en"
    translations: dict[str, ProductText] = {}
    category_path: tuple[ProductCategory, ...] = ()
    attributes: dict[str, Attribute] = {}
    media: tuple[ProductMedia, ...] = ()
    variants: tuple[ProductVariant, ...] = ()


class ProductDeleted(
    Event, type="catalog.product.deleted.v1", topic=PRODUCTS, key="product_id", tombstone=True
):
    """The product is gone, or no longer shown to shoppers: a later ``ProductChanged`` brings it back."""

    product_id: str


class OrderLine(_Part):
    """One line as sold: the title, which names the options chosen, and the price of that moment.

    ``line_total`` is price times quantity; what promotions took off the line is in ``discount``.

    Lines from before there were variants have no ``variant_id``: they mean the product's first.
    """

    product_id: str
    title: str
    quantity: int
    unit_price: Money
    line_total: Money
    variant_id: str | None = None
    sku: str | None = None
    discount: Money | None = None


class OrderAdjustment(_Part):
    """What comes on top of an order's lines, or goes off: a discount is negative.

    What is ``included`` (a tax that prices contain) is told, not added. The order's total is the sum of all
    ``line_total`` and of the other adjustments.
    """

    kind: Literal["discount", "shipping", "tax"]
    title: str
    amount: Money
    included: bool = False
    promotion_id: str | None = None


class _ToldOrder(BaseModel):
    """What each event tells of an order, so that whoever reads one needs no other."""

    order_id: str
    user_id: str
    lines: tuple[OrderLine, ...]
    total: Money
    adjustments: tuple[OrderAdjustment, ...] = ()


class OrderPlaced(_ToldOrder, Event, type="catalog.order.placed.v1", topic=ORDERS, key="order_id"):
    """A customer ordered; stock is taken, payment is under way."""

    placed_at: Instant


class OrderPaid(_ToldOrder, Event, type="catalog.order.paid.v1", topic=ORDERS, key="order_id"):
    """The payment was taken; the customer is owed the goods and a receipt."""

    paid_at: Instant


class OrderPaymentDeclined(
    _ToldOrder, Event, type="catalog.order.payment-declined.v1", topic=ORDERS, key="order_id"
):
    """The provider said no; the customer may pay in another way until then.

    Each declined attempt is told once. The one after which the order is not kept any longer is told as
    ``OrderCancelled`` alone, with the reason ``payment_declined``.
    """

    attempt_id: str
    payable_until: Instant
    declined_at: Instant


class OrderCancelled(_ToldOrder, Event, type="catalog.order.cancelled.v1", topic=ORDERS, key="order_id"):
    """The order will not be fulfilled; its stock went back."""

    reason: str
    cancelled_at: Instant


OrderState = Literal["paid", "fulfilled", "delivered", "returned", "refunded"]
"""What a paid order can be. It stays ``paid`` until all that is to be shipped has been."""


class MovedLine(_Part):
    """Pieces of one line of an order that go to its customer, or come back."""

    product_id: str
    variant_id: str
    title: str
    quantity: int


class OrderShipped(_ToldOrder, Event, type="catalog.order.shipped.v1", topic=ORDERS, key="order_id"):
    """A parcel is on its way, with all or some of the order; ``state`` is the order's since.

    The carrier's number is not told, for whoever knows it is shown by the carrier where the parcel goes.
    """

    shipment_id: str
    shipped: tuple[MovedLine, ...]
    carrier: str
    state: OrderState
    shipped_at: Instant


class OrderDelivered(_ToldOrder, Event, type="catalog.order.delivered.v1", topic=ORDERS, key="order_id"):
    """A parcel has arrived; ``state`` is the order's since."""

    shipment_id: str
    state: OrderState
    delivered_at: Instant


class OrderRefunded(_ToldOrder, Event, type="catalog.order.refunded.v1", topic=ORDERS, key="order_id"):
    """Money was given back; ``state`` is the order's since.

    ``refunded`` is all that was given back of the order so far. ``refunded_lines`` is what ``amount`` is for;
    nothing where it is for none in particular.
    """

    refund_id: str
    amount: Money
    refunded: Money
    refunded_lines: tuple[MovedLine, ...] = ()
    state: OrderState
    refunded_at: Instant


class OrderRefundFailed(
    _ToldOrder, Event, type="catalog.order.refund-failed.v1", topic=ORDERS, key="order_id"
):
    """Money did not reach the customer, and somebody has to see to it; ``state`` is the order's since.

    ``bounced`` says that the provider had said otherwise before: an ``OrderRefunded`` told of it.
    """

    refund_id: str
    amount: Money
    bounced: bool
    state: OrderState
    failed_at: Instant


class OrderReturned(_ToldOrder, Event, type="catalog.order.returned.v1", topic=ORDERS, key="order_id"):
    """Goods have come back; what was paid for them follows. ``state`` is the order's since."""

    return_id: str
    returned: tuple[MovedLine, ...]
    state: OrderState
    returned_at: Instant


class OrderReturnDeclined(
    _ToldOrder, Event, type="catalog.order.return-declined.v1", topic=ORDERS, key="order_id"
):
    """The customer asked to give goods back, and the shop does not take them."""

    return_id: str
    declined: tuple[MovedLine, ...]
    state: OrderState
    declined_at: Instant


class StockLow(Event, type="catalog.stock.low.v1", topic=STOCK, key="product_id"):
    """Fewer pieces of a variant are left than the merchant wants to have.

    Stock is held by variant, and so is the sequence of what is told of it. Events from before there were
    variants name none: they mean the product's first.
    """

    product_id: str
    variant_id: str | None = None
    left: int
    at: Instant


class StockRanOut(Event, type="catalog.stock.out.v1", topic=STOCK, key="product_id"):
    """The last piece of a variant was taken."""

    product_id: str
    variant_id: str | None = None
    at: Instant


class StockReturned(Event, type="catalog.stock.back.v1", topic=STOCK, key="product_id"):
    """There are pieces of a variant to sell again."""

    product_id: str
    variant_id: str | None = None
    left: int
    at: Instant
