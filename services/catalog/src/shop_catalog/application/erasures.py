"""Forgetting people: what they said and where they live goes, what was sold to whom for how much stays."""

from __future__ import annotations

from datetime import timedelta

from shop_catalog.application import reviews
from shop_catalog.application.clock import now
from shop_catalog.store.erasures import Erasure
from shop_catalog.store.unit_of_work import CatalogUnitOfWork

TOKENS_LIVE = timedelta(minutes=10)
"""Longer than any token of theirs: until then they may still write something."""
LONGEST_WAIT = timedelta(days=90)
"""How long an order that is on its way keeps the address that it goes to."""


async def begin(uow: CatalogUnitOfWork, user_id: str) -> None:
    """Note that somebody is to be forgotten."""
    await uow.erasures.add(user_id, now())


async def due(uow: CatalogUnitOfWork, limit: int) -> list[Erasure]:
    """Return up to ``limit`` people who are to be forgotten; each is due again later, until it is done."""
    return await uow.erasures.claim(now(), limit)


async def go_on(uow: CatalogUnitOfWork, erasure: Erasure, limit: int) -> bool:
    """Forget up to ``limit`` reviews, votes and orders of somebody; return whether there may be more.

    Orders that are not over keep what they need until they are, and so does what there is to do.
    """
    age = now() - erasure.asked_at
    more_reviews = await reviews.erase(uow, erasure.user_id, limit)
    erased = await uow.orders.erase_person(erasure.user_id, limit, also_open=age > LONGEST_WAIT)
    if more_reviews or erased == limit:
        return True
    if age > TOKENS_LIVE and not await uow.orders.knows_person(erasure.user_id):
        await uow.erasures.finish(erasure.user_id)
    return False
