"""What a use case of session works with: its repositories on one transaction, the time, the lifetimes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.unit_of_work import Transactor, UnitOfWork
from shop_session.domain.carts import Cart
from shop_session.domain.sessions import Lifetimes
from shop_session.store import schema
from shop_session.store.attention import Attention
from shop_session.store.carts import Carts, Requests
from shop_session.store.contacts import Contacts
from shop_session.store.orders import Orders
from shop_session.store.products import Products
from shop_session.store.revocations import Revocations
from shop_session.store.sessions import Sessions
from shop_session.store.states import StateNames, States


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class SessionUnitOfWork(UnitOfWork):
    """Repositories on one transaction. ``now`` is the same all through it, in MongoDB's milliseconds."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        session: AsyncClientSession | None,
        source: str,
        *,
        clock: Callable[[], datetime] = utc_now,
        lifetimes: Lifetimes | None = None,
    ) -> None:
        super().__init__(db, session, source)
        self.lifetimes = lifetimes or Lifetimes()
        now = clock()
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.db[schema.SESSIONS], self.session)

    @cached_property
    def revocations(self) -> Revocations:
        return Revocations(self.db[schema.REVOCATIONS], self.session)

    @cached_property
    def carts(self) -> Carts:
        return Carts(self.db[schema.CARTS], self.session)

    @cached_property
    def requests(self) -> Requests:
        return Requests(self.db[schema.REQUESTS], self.session)

    @cached_property
    def states(self) -> States:
        return States(self.db[schema.STATES], self.session)

    @cached_property
    def state_names(self) -> StateNames:
        return StateNames(self.db[schema.STATE_NAMES], self.session)

    @cached_property
    def attention(self) -> Attention:
        return Attention(self.db[schema.ATTENTION], self.session)

    @cached_property
    def products(self) -> Products:
        return Products(self.db[schema.PRODUCTS], self.session)

    @cached_property
    def orders(self) -> Orders:
        return Orders(self.db[schema.ORDERS], self.session)

    @cached_property
    def contacts(self) -> Contacts:
        return Contacts(self.db[schema.CONTACTS], self.session)

    async def save_cart(self, cart: Cart, version: int | None = None) -> None:
        """Store a cart that has changed, and tell of it; ``version`` as for :meth:`Carts.save`."""
        if cart.facts:
            await self.carts.save(cart, version)
            self.publish(cart.facts)


Transact = Transactor[SessionUnitOfWork]
