"""Carts: shown with what catalog says of the products, changed by their owner, emptied by what was bought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid
from shop_events.ids import derived_id
from shop_session.application.sessions import live
from shop_session.domain.carts import Cart
from shop_session.domain.owners import Owner
from shop_session.store.products import Product
from shop_session.store.unit_of_work import SessionUnitOfWork

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Request:
    """An idempotency key and the hash of what was asked under it."""

    key: str
    fingerprint: str


class ShownCart(NamedTuple):
    """A cart and its products by id. ``cart`` None is that of somebody who has no session."""

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
    """Have exactly so many pieces of some products (0 takes a line out); other lines stay.

    Raises:
        SessionEnded: the session is over.
        VersionConflict: ``version`` was named and is not the present one.
        CartFull, TooManyPieces: there would be too much of it.
    """
    session = await live(uow, digest)
    cart = await uow.carts.of(session.owner, session.visitor_id)
    cart.assert_version(version)
    cart.put(quantities, session.visitor_id, uow.now)
    await uow.save_cart(cart)
    return await _shown(uow, cart)


async def add(
    uow: SessionUnitOfWork, digest: str, product_id: str, pieces: int, request: Request
) -> ShownCart:
    """Put more pieces of a product in; the same request adds them once.

    Raises:
        SessionEnded: the session is over.
        KeyReused: the request's key came with another request.
        CartFull, TooManyPieces: there would be too much of it.
    """
    session = await live(uow, digest)
    visitor_id = session.visitor_id
    cart = await uow.carts.of(session.owner, visitor_id)
    if not await uow.requests.is_repeated(visitor_id, request.key, request.fingerprint):
        await uow.requests.remember(visitor_id, request.key, request.fingerprint, uow.now)
        cart.add(product_id, pieces, visitor_id, uow.now)
        await uow.save_cart(cart)
    return await _shown(uow, cart)


async def take_out_bought(uow: SessionUnitOfWork, order: OrderPaid) -> None:
    """Take what was bought, and no more, out of the customer's cart."""
    cart = await uow.carts.of(Owner(order.user_id), visitor_id="")
    if cart.version:
        bought: dict[str, int] = {}
        for line in order.lines:
            bought[line.product_id] = bought.get(line.product_id, 0) + line.quantity
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
    ordered_at = [uow.now if order.status == "placed" else order.changed_at for order in newest]
    return max([cart.untouched_since, *ordered_at])


async def _shown(uow: SessionUnitOfWork, cart: Cart) -> ShownCart:
    return ShownCart(cart, await uow.products.shown(cart.quantities))
