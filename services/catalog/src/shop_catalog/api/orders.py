"""Orders over HTTP: placed by whoever is signed in, seen by their customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Self, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, model_validator

from shop_catalog.api.addresses import Country, PostalAddress
from shop_catalog.api.errors import ERRORS
from shop_catalog.api.order_views import OrderView
from shop_catalog.api.requests import Amount, Asked, CurrencyCode, Id
from shop_catalog.application import orders
from shop_catalog.application.checkout import Checkout
from shop_catalog.domain.errors import (
    AccessDenied,
    CouponRefused,
    IllegalMove,
    KeyReused,
    MixedCurrencies,
    OrderNotFound,
    OutOfStock,
    PaymentDeclined,
    PriceChanged,
    TotalTooLarge,
    UnknownPaymentMethod,
    UnknownProducts,
    UnknownVariant,
    VariantNeeded,
)
from shop_catalog.domain.order_states import WaitingFor
from shop_catalog.domain.quotes import Basket
from shop_catalog.domain.variants import Item
from shop_chassis.auth import Authenticated
from shop_chassis.http import (
    BadCursor,
    BadIdempotencyKey,
    Body,
    Listing,
    Page,
    Read,
    Transact,
    encode_cursor,
)
from shop_chassis.openapi import responses

router = APIRouter(tags=["orders"])

ORDERS_PATH = "/v1/orders"
MOST_LINES = 500
MOST_PIECES = 100_000


PaymentMethod = Annotated[
    str,
    Field(
        pattern=r"^(pm|card)_[A-Za-z0-9_]{1,97}$",
        description="The provider's token for a card, `pm_…`, or the customer's own saved `card_…`",
    ),
]


class BasketLine(Body):
    """Some pieces of a product; one with several variants needs to know which."""

    product_id: Annotated[str, Field(min_length=1, max_length=100)]
    variant_id: Annotated[str | None, Field(max_length=100)] = None
    quantity: Annotated[int, Field(ge=1, le=MOST_PIECES)]


Lines = Annotated[list[BasketLine], Field(min_length=1, max_length=MOST_LINES)]


def quantities_of(lines: Iterable[BasketLine]) -> Counter[Item]:
    """Return pieces by product and variant; lines of the same are taken together."""
    quantities: Counter[Item] = Counter()
    for line in lines:
        quantities[Item(line.product_id, line.variant_id)] += line.quantity
    return quantities


class Goods(Body):
    """What to buy, and where it goes. Lines of the same variant are taken together."""

    lines: Lines
    currency: Annotated[CurrencyCode | None, Field(description="What to pay in, where there is a choice")] = (
        None
    )
    coupon: Annotated[str | None, Field(pattern=r"^[A-Z0-9_-]{3,40}$")] = None
    country: Annotated[Country | None, Field(description="Where it goes; says delivery and tax")] = None

    def basket(self) -> Basket:
        """Return it as the domain has it."""
        quantities = quantities_of(self.lines)
        return Basket(quantities, currency=self.currency, coupon=self.coupon, country=self.country)


class PlaceOrder(Goods):
    """What to buy and how to pay for it. Lines of the same variant are taken together.

    ``expected_total`` is what the customer was shown; if it no longer holds, nothing is bought. Without a
    ``payment_method`` the order is reserved for a while, to be paid later. An ``address`` says the
    country as well.
    """

    payment_method: PaymentMethod | None = None
    expected_total: Amount | None = None
    address: PostalAddress | None = None

    @model_validator(mode="after")
    def _goes_to_one_country(self) -> Self:
        if self.address and self.country not in (None, self.address.country):
            raise ValueError("the address is in another country")
        return self

    def basket(self) -> Basket:
        """Return it as the domain has it."""
        return replace(
            super().basket(),
            payment_method=self.payment_method,
            expected_total=self.expected_total.money() if self.expected_total else None,
            country=self.address.country if self.address else self.country,
            address=self.address.address() if self.address else None,
        )


async def checkout_of(request: Request) -> Checkout:
    """Return the checkout of this process."""
    return cast(Checkout, request.app.state.checkout)


@router.post(
    ORDERS_PATH,
    status_code=201,
    responses=responses(
        BadIdempotencyKey,
        PaymentDeclined,
        OutOfStock,
        PriceChanged,
        UnknownPaymentMethod,
        UnknownProducts,
        UnknownVariant,
        VariantNeeded,
        MixedCurrencies,
        TotalTooLarge,
        CouponRefused,
        KeyReused,
        of=ERRORS,
    ),
)
async def place_order(
    body: PlaceOrder,
    asked: Asked,
    checkout: Annotated[Checkout, Depends(checkout_of)],
    response: Response,
) -> OrderView:
    """Buy; an order that is still ``reserved`` or ``authorised`` waits for its payment's outcome."""
    order = await checkout.place(body.basket(), asked(body))
    response.headers["Location"] = f"{ORDERS_PATH}/{order.id}"
    return OrderView.of(order)


@router.get("/v1/orders", responses=responses(BadCursor, AccessDenied, of=ERRORS))
async def list_orders(
    caller: Authenticated, page: Page, read: Read, waiting_for: WaitingFor | None = None
) -> Listing[OrderView]:
    """List the caller's own orders, newest first; or those of all that wait for operators, oldest first."""
    (place,) = page.after(str) or (None,)
    if waiting_for is None:
        found = await read(orders.page, caller, page.limit + 1, place)
    else:
        found = await read(orders.queue, waiting_for, caller, page.limit + 1, place)
    shown = found[: page.limit]
    return Listing(
        items=[OrderView.of(order) for order in shown],
        next_cursor=encode_cursor(shown[-1].id) if len(found) > page.limit else None,
    )


@router.get("/v1/orders/{id}", responses=responses(OrderNotFound, of=ERRORS))
async def show_order(id: Id, caller: Authenticated, read: Read) -> OrderView:
    """Show an order to its customer, and to those who look after customers."""
    return OrderView.of(await read(orders.show, id, caller))


class PayOrder(Body):
    """How to pay."""

    payment_method: PaymentMethod


@router.put(
    "/v1/orders/{id}/payment",
    responses=responses(OrderNotFound, PaymentDeclined, IllegalMove, UnknownPaymentMethod, of=ERRORS),
)
async def pay_order(
    id: Id, body: PayOrder, caller: Authenticated, checkout: Annotated[Checkout, Depends(checkout_of)]
) -> OrderView:
    """Pay an order that was reserved, or in another way after a decline; saying the same again pays once."""
    return OrderView.of(await checkout.pay(id, body.payment_method, caller))


@router.put("/v1/orders/{id}/cancellation", responses=responses(OrderNotFound, IllegalMove, of=ERRORS))
async def cancel_order(id: Id, caller: Authenticated, transact: Transact) -> OrderView:
    """Cancel an order that nobody has begun to pay."""
    return OrderView.of(await transact(orders.cancel, id, caller))
