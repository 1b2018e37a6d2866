"""Refunds and returns over HTTP: customers ask to give goods back, operators decide and give money back."""

from __future__ import annotations

from typing import Annotated, Self, cast

from fastapi import APIRouter, Depends, Request
from pydantic import Field, model_validator

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.order_views import OrderView
from shop_catalog.api.orders import Lines, checkout_of, quantities_of
from shop_catalog.api.requests import Amount, Asked, Id
from shop_catalog.application import refunds
from shop_catalog.application.checkout import Checkout
from shop_catalog.application.refunds import Wish
from shop_catalog.application.returns import Decision, Goods, ReturnDesk
from shop_catalog.domain.errors import (
    AccessDenied,
    IllegalMove,
    KeyReused,
    MixedCurrencies,
    OrderNotFound,
    RefundNotFound,
    RefundTooLarge,
    ReturnNotFound,
    ReturnTooLate,
    TooManyPieces,
    UnknownLine,
    VariantNeeded,
)
from shop_chassis.auth import Authenticated
from shop_chassis.http import SEVERAL_LINES, BadIdempotencyKey, Body, Transact
from shop_chassis.openapi import responses

router = APIRouter(tags=["orders"])

Buying = Annotated[Checkout, Depends(checkout_of)]


async def _returns(request: Request) -> ReturnDesk:
    return cast(ReturnDesk, request.app.state.returns)


Returning = Annotated[ReturnDesk, Depends(_returns)]
Words = Annotated[str, Field(min_length=1, max_length=500, pattern=SEVERAL_LINES)]


class RefundOrder(Body):
    """What to give back: an ``amount``, what was paid for some ``lines``, or without either all that is left.

    ``reason`` is shown to the customer. ``restock`` puts those pieces that were not sent back into stock.
    """

    amount: Amount | None = None
    lines: Lines | None = None
    reason: Words
    restock: bool = False

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.amount is not None and (self.lines is not None or self.restock):
            raise ValueError("an amount is for no lines, and puts nothing back into stock")
        return self

    def wish(self) -> Wish:
        """Return it as the use case wants it."""
        amount = None if self.amount is None else self.amount.money()
        return Wish(
            amount, None if self.lines is None else quantities_of(self.lines), self.reason, self.restock
        )


class ResolveRefund(Body):
    """How the customer came to their money, in words to them."""

    resolution: Words


class AskReturn(Body):
    """What to give back, and why."""

    lines: Lines
    reason: Words


class DecideReturn(Body):
    """Whether the goods are taken back. ``note`` is shown to the customer; ``restock`` sells them again."""

    accepted: bool
    restock: bool = False
    note: Words | None = None

    def decision(self) -> Decision:
        """Return it as the use case wants it."""
        return Decision(self.accepted, self.restock and self.accepted, self.note)


@router.post(
    "/v1/orders/{id}/refunds",
    status_code=201,
    responses=responses(
        AccessDenied,
        BadIdempotencyKey,
        OrderNotFound,
        IllegalMove,
        RefundTooLarge,
        MixedCurrencies,
        UnknownLine,
        VariantNeeded,
        TooManyPieces,
        KeyReused,
        of=ERRORS,
    ),
)
async def refund_order(
    id: Id, body: RefundOrder, caller: Authenticated, asked: Asked, checkout: Buying
) -> OrderView:
    """Give back all or part of what was paid; one that is ``pending`` waits for the provider's word."""
    return OrderView.of(await checkout.refund(id, body.wish(), caller, asked(body)))


@router.put(
    "/v1/orders/{id}/refunds/{refund_id}/resolution",
    responses=responses(AccessDenied, OrderNotFound, RefundNotFound, IllegalMove, of=ERRORS),
)
async def resolve_refund(
    id: Id, refund_id: Id, body: ResolveRefund, caller: Authenticated, transact: Transact
) -> OrderView:
    """Say how a refund that failed was seen to; it does not wait for operators any more."""
    return OrderView.of(await transact(refunds.resolve, id, refund_id, body.resolution, caller))


@router.post(
    "/v1/orders/{id}/returns",
    status_code=201,
    responses=responses(
        BadIdempotencyKey,
        OrderNotFound,
        IllegalMove,
        ReturnTooLate,
        UnknownLine,
        VariantNeeded,
        TooManyPieces,
        KeyReused,
        of=ERRORS,
    ),
)
async def ask_return(
    id: Id, body: AskReturn, caller: Authenticated, asked: Asked, desk: Returning
) -> OrderView:
    """Ask to give back some of what was sent, while the time for that lasts."""
    goods = Goods(quantities_of(body.lines), body.reason)
    return OrderView.of(await desk.ask(id, goods, caller, asked(body)))


@router.put(
    "/v1/orders/{id}/returns/{return_id}/decision",
    responses=responses(AccessDenied, OrderNotFound, ReturnNotFound, IllegalMove, of=ERRORS),
)
async def decide_return(
    id: Id, return_id: Id, body: DecideReturn, caller: Authenticated, checkout: Buying
) -> OrderView:
    """Take goods back and give back what was paid for them, or decline to."""
    return OrderView.of(await checkout.decide_return(id, return_id, body.decision(), caller))
