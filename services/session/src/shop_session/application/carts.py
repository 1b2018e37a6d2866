"""Carts: shown with what catalog says of the products, changed by their owner, emptied by what was bought."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid
from shop_events.ids import derived_id
from shop_session.application.sessions import live
from shop_session.domain.carts import Cart, line_key
from shop_session.domain.errors import VariantNeeded
from shop_session.domain.owners import Owner
from shop_session.store.orders import Order
from shop_session.store.products import Product, ProductState
from shop_session.store.unit_of_work import SessionUnitOfWork

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Request:
    """An idempotency key and the hash of what was asked under it."""

    key: str
    fingerprint: str


class ShownCart(NamedTuple):
    """A cart and what its lines are about, by their keys. ``cart`` is None for somebody without a session."""

    cart: Cart | None
    products: Mapping[str, Product]


async def show(uow: SessionUnitOfWork, digest: str | None) -> ShownCart:
    """Return the visitor's cart.

    Raises:
        SessionEnded: the session is over.
    """
    if digest is None:
        return ShownCart(None, {})
    session = await live(uow, digest)
    return await _shown(uow, await uow.carts.of(session.owner, session.visitor_id))


async def put(
    uow: SessionUnitOfWork, digest: str, quantities: Mapping[str, int], version: int | None = None
) -> ShownCart:
    """Have exactly so many pieces in some lines (0 takes one out); other lines stay.

    Raises:
        SessionEnded: the session is over.
        VariantNeeded: a product comes in several variants, and its line does not say which.
        VersionConflict: ``version`` was named and is not the present one.
        CartFull, TooManyPieces: there would be too much of it.
    """
    session = await live(uow, digest)
    cart = await uow.carts.of(session.owner, session.visitor_id)
    cart.assert_version(version)
    await _assert_clear(uow, [line for line, pieces in quantities.items() if pieces])
    cart.put(quantities, session.visitor_id, uow.now)
    await uow.save_cart(cart)
    return await _shown(uow, cart)


async def add(uow: SessionUnitOfWork, digest: str, line: str, pieces: int, request: Request) -> ShownCart:
    """Put more pieces into a line; the same request adds them once.

    Raises:
        SessionEnded: the session is over.
        VariantNeeded: the product comes in several variants, and the line does not say which.
        KeyReused: the request's key came with another request.
        CartFull, TooManyPieces: there would be too much of it.
    """
    session = await live(uow, digest)
    visitor_id = session.visitor_id
    cart = await uow.carts.of(session.owner, visitor_id)
    if not await uow.requests.is_repeated(visitor_id, request.key, request.fingerprint):
        await _assert_clear(uow, [line])
        await uow.requests.remember(visitor_id, request.key, request.fingerprint, uow.now)
        cart.add(line, pieces, visitor_id, uow.now)
        await uow.save_cart(cart)
    return await _shown(uow, cart)


async def take_out_bought(uow: SessionUnitOfWork, order: OrderPaid) -> None:
    """Take what was bought, and no more, out of the customer's cart."""
    cart = await uow.carts.of(Owner(order.user_id), visitor_id="")
    if cart.version:
        bought: dict[str, int] = {}
        for line in order.lines:
            key = line_key(line.product_id, line.variant_id)
            bought[key] = bought.get(key, 0) + line.quantity
        cart.take_out(bought, uow.now)
        await uow.save_cart(cart)


async def abandon(uow: SessionUnitOfWork, patience: timedelta) -> bool:
    """Tell of carts that nobody has touched for ``patience``; say whether more are left.

    An order counts as a touch: until it is paid, nobody knows whether what is in the cart was bought.
    """
    untouched = await uow.carts.untouched(uow.now - patience, _BATCH)
    for cart in untouched:
        cart.untouched_since = await _last_touch(uow, cart)
        if cart.untouched_since <= uow.now - patience:
            rule = derived_id("cart-abandoned", cart.owner.id, str(cart.version))
            uow.publish([Fact(cart.abandon(uow.now), cart.version)], rule)
        await uow.carts.wait(cart)
    return len(untouched) == _BATCH


async def _last_touch(uow: SessionUnitOfWork, cart: Cart) -> datetime:
    assert cart.untouched_since
    newest = await uow.orders.page(cart.owner.id, 1, before=None)
    return max([cart.untouched_since, *(_ordered_at(order, uow.now) for order in newest)])


def _ordered_at(order: Order, now: datetime) -> datetime:
    """Return when somebody last dealt with what they order; what the shop does later is not their doing."""
    if order.status == "placed":
        return now
    return order.changed_at if order.status in ("paid", "cancelled") else order.placed_at


async def _shown(uow: SessionUnitOfWork, cart: Cart) -> ShownCart:
    return ShownCart(cart, await uow.products.lines(cart.quantities))


async def _assert_clear(uow: SessionUnitOfWork, lines: Collection[str]) -> None:
    about = await uow.products.lines(lines)
    if unclear := [each.id for each in about.values() if each.state is ProductState.VARIANT_NEEDED]:
        raise VariantNeeded(unclear)
