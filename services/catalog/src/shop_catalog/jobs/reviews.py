"""Reviews in bulk: tallies counted anew, and everything of one user removed."""

from __future__ import annotations

from shop_catalog.application import reviews
from shop_catalog.store.unit_of_work import Transact

BATCH = 200


async def recount(transact: Transact) -> None:
    """Make all products' tallies what their reviews say, a batch per transaction."""
    after: str | None = ""
    while after is not None:
        after = await transact(reviews.recount, after, BATCH)


async def erase(transact: Transact, user_id: str) -> None:
    """Remove all reviews and votes of a user, a batch per transaction; again is harmless."""
    while await transact(reviews.erase, user_id, BATCH):
        pass
