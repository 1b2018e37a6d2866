"""Orders placed: those that come in at the same time share one transaction, and nothing else.

Each is priced, given its stock and opened as if it were alone, after those that came before it. What is asked
of the database and written to it is asked and written once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from shop_catalog.application import cards, payments, pricing, promotions
from shop_catalog.application.clock import now
from shop_catalog.application.stock import Shelf
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import PaymentAttempt
from shop_catalog.domain.products import Product
from shop_catalog.domain.promotions import Promotion
from shop_catalog.domain.quotes import Basket, Quote
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.context import Trace, current_trace, use_trace
from shop_events.contracts import DomainError
from shop_events.gathering import Gathered
from shop_events.ids import new_id
from shop_events.unit_of_work import is_transient

MOST_AT_ONCE = 64


class Placement(NamedTuple):
    """An order, and whether this request opened it."""

    order: Order
    is_new: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order to be placed, and the trace that what is told of it belongs to."""

    basket: Basket
    request: RequestKey
    trace: Trace = field(default_factory=lambda: current_trace() or Trace.start())

    @property
    def key(self) -> tuple[str, str]:
        """Whose request it is, and which."""
        return self.request.user_id, self.request.key


Outcome = Placement | Exception


class OrderDesk:
    """Places orders, all that wait at a time together.

    Whatever is wrong with one of them is told to its customer alone: what a rule of the domain refuses is
    left out of the transaction, and should anything else fail, each is placed in a transaction of its own.

    Args:
        transact: runs use cases.
        prices: the price rules that hold for every order.
        patience: how long what is not paid at once is reserved.
    """

    def __init__(self, transact: Transact, prices: pricing.PriceBook, patience: timedelta) -> None:
        self._transact = transact
        self._prices = prices
        self._patience = patience
        self._placed: Gathered[Wanted, Outcome] = Gathered(self._place, MOST_AT_ONCE)

    async def place(self, basket: Basket, request: RequestKey) -> Placement:
        """Price a basket, take its stock and open the order; the same request gives the same order.

        Raises:
            DomainError: see :func:`place_together`.
        """
        outcome = await self._placed(Wanted(basket, request))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _place(self, wanted: Sequence[Wanted]) -> Sequence[Outcome]:
        house = await self._prices.rules()
        try:
            return await self._transact(place_together, wanted, house, self._patience)
        except Exception as error:
            if len(wanted) == 1 or is_transient(error):
                raise
        return [await self._place_alone(each, house) for each in wanted]

    async def _place_alone(self, wanted: Wanted, house: pricing.HouseRules) -> Outcome:
        try:
            [outcome] = await self._transact(place_together, [wanted], house, self._patience)
        except Exception as error:
            return error
        return outcome


@dataclass(slots=True)
class _Priced:
    """What is known of a wanted order before its stock is taken."""

    wanted: Wanted
    quote: Quote
    coupon: Promotion | None


async def place_together(
    uow: CatalogUnitOfWork, wanted: Sequence[Wanted], house: pricing.HouseRules, patience: timedelta
) -> list[Outcome]:
    """Place orders one after the other; return for each what came of it, or the error that is the reason.

    The payment attempt is stored here, before the provider hears of it. Without one an order is kept for
    ``patience``, to be paid later.

    Nobody sees an error of somebody else's. They are:
        UnknownProducts, UnknownVariant, VariantNeeded, MixedCurrencies, TotalTooLarge: it cannot be sold.
        CouponRefused: the coupon does not hold, was used up, or takes nothing off.
        PriceChanged: the total is not the one that the customer saw.
        OutOfStock: there is less than asked for.
        UnknownPaymentMethod: it is a saved card, and not the customer's.
        KeyReused: the request's key came with another request.
    """
    at = now()
    known = await uow.orders.for_requests([each.request for each in wanted])
    new = [each for each in wanted if each.key not in known]
    products = {each.id: each for each in await uow.products.on_sale(_products_of(new))}
    priced = [await _priced(uow, each, products, house, at) for each in new]
    counter = _Counter(uow, at, patience, await Shelf.of(uow, _variants_of(priced)))
    outcomes = {id(each): outcome for each, outcome in zip(new, priced, strict=True)}
    results = [await counter.outcome(each, known.get(each.key), outcomes.get(id(each))) for each in wanted]
    await counter.close()
    return results


class _Counter:
    """Where the orders of one transaction are opened, each after the other."""

    def __init__(self, uow: CatalogUnitOfWork, at: datetime, patience: timedelta, shelf: Shelf) -> None:
        self._uow = uow
        self._at = at
        self._patience = patience
        self._shelf = shelf
        self._opened: dict[tuple[str, str], Order] = {}

    async def outcome(
        self, wanted: Wanted, earlier: Order | None, priced: _Priced | DomainError | None
    ) -> Outcome:
        """Return the order of a request: that of an earlier one, or a new one; or why there is none."""
        earlier = earlier or self._opened.get(wanted.key)
        try:
            if earlier is not None:
                wanted.request.assert_repeats(earlier.request, earlier.id)
                return Placement(earlier, is_new=False)
            if not isinstance(priced, _Priced):
                assert priced is not None
                return priced
            with use_trace(wanted.trace):
                order = await self._open(priced)
        except DomainError as error:
            return error
        self._opened[wanted.key] = order
        return Placement(order, is_new=True)

    async def close(self) -> None:
        """Write what was opened and taken."""
        await self._shelf.keep()
        await self._uow.orders.add_many(
            [
                (order, self._patience if order.payment is None else payments.CHECK_AFTER)
                for order in self._opened.values()
            ]
        )

    async def _open(self, priced: _Priced) -> Order:
        """Open an order. Nothing is taken or written before all is known to be there."""
        request, basket, at = priced.wanted.request, priced.wanted.basket, self._at
        self._shelf.assert_there(priced.quote.pieces)
        attempt = None
        if (asked := basket.payment_method) is not None:
            token = await cards.token_of(self._uow, asked, request.user_id)
            attempt = PaymentAttempt(id=new_id("pay"), method=token, begun_at=at, asked=asked)
        coupon_id = None
        if priced.coupon:
            coupon_id = await promotions.redeem(self._uow, priced.coupon, request.user_id)
        self._shelf.take(priced.quote.pieces, at)
        until = at + self._patience
        order = Order.place(
            new_id("ord"), request, priced.quote, attempt, at, reserved_until=until, address=basket.address
        )
        order.coupon_id = coupon_id
        self._uow.publish(order.facts)
        return order


async def _priced(
    uow: CatalogUnitOfWork,
    wanted: Wanted,
    products: dict[str, Product],
    house: pricing.HouseRules,
    at: datetime,
) -> _Priced | DomainError:
    basket = wanted.basket
    mine = [products[each] for each in basket.product_ids if each in products]
    try:
        rules = await pricing.rules_for(uow, basket, house, at)
        quote = Quote.of(basket.quantities, mine, basket.currency).under(rules, at)
        quote.assert_is(basket.expected_total)
    except DomainError as error:
        return error
    return _Priced(wanted, quote, rules.coupon)


def _products_of(wanted: Sequence[Wanted]) -> set[str]:
    return {product_id for each in wanted for product_id in each.basket.product_ids}


def _variants_of(priced: Sequence[_Priced | DomainError]) -> set[str]:
    return {pieces.variant_id for each in priced if isinstance(each, _Priced) for pieces in each.quote.pieces}
