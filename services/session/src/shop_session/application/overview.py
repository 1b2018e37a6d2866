"""What a returning visitor is shown again: who they are to us, cart, contact data, views, orders."""

from __future__ import annotations

from dataclasses import dataclass, field

from shop_session.application.sessions import find, live
from shop_session.domain.carts import Cart
from shop_session.domain.errors import NotLinked
from shop_session.domain.recent import Viewed, newest
from shop_session.domain.sessions import Session
from shop_session.store.contacts import MaskedContact
from shop_session.store.orders import Order
from shop_session.store.products import Product
from shop_session.store.unit_of_work import SessionUnitOfWork


@dataclass(frozen=True, slots=True)
class Overview:
    """A session at a glance."""

    session: Session
    cart: Cart
    contacts: list[MaskedContact]
    viewed: list[Viewed]
    products: dict[str, Product] = field(default_factory=dict)


async def show(uow: SessionUnitOfWork, digest: str | None) -> Overview | None:
    """Return the visitor's session at a glance, None for nobody or a session that is over."""
    session = await find(uow, digest)
    if session is None:
        return None
    viewed = newest((await uow.attention.of(session.owner)).views)
    return Overview(
        session,
        await uow.carts.of(session.owner, session.visitor_id),
        await uow.contacts.of(session.user_id) if session.user_id else [],
        viewed,
        await uow.products.shown([view.product_id for view in viewed]),
    )


async def orders(uow: SessionUnitOfWork, digest: str | None, limit: int, before: str | None) -> list[Order]:
    """Return up to ``limit`` of the visitor's own orders, newest first, from behind the id ``before``.

    Raises:
        SessionEnded: the session is over.
        NotLinked: the visitor is a guest, and orders belong to users.
    """
    session = await live(uow, digest) if digest else None
    if session is None or session.user_id is None:
        raise NotLinked("Link the session first.")
    return await uow.orders.page(session.user_id, limit, before)
