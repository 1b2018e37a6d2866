"""Publishing all state again, for readers that lost theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shop_events.unit_of_work import Transactor
from shop_identity.application import cards, keys, revocations, users
from shop_identity.store.unit_of_work import IdentityUnitOfWork

Batch = Callable[[IdentityUnitOfWork, str], Awaitable[tuple[int, str | None]]]


async def republish(transact: Transactor[IdentityUnitOfWork]) -> int:
    """Put all state into the outbox, a batch a transaction; return how many facts."""
    total = await transact(keys.republish)
    for batch in (revocations.republish, users.republish, cards.republish):
        total += await _all_of(transact, batch)
    return total


async def _all_of(transact: Transactor[IdentityUnitOfWork], batch: Batch) -> int:
    total, after = 0, ""
    while True:
        facts, last = await transact(batch, after)
        if last is None:
            return total
        total, after = total + facts, last
