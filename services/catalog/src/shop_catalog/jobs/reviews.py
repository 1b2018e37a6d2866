"""Reviews in bulk: tallies counted anew."""

from __future__ import annotations

from shop_catalog.application import reviews
from shop_catalog.store.unit_of_work import Transact

BATCH = 200


async def recount(transact: Transact) -> None:
    """Make all products' tallies what their reviews say, a batch per transaction."""
    after: str | None = ""
    while after is not None:
        after = await transact(reviews.recount, after, BATCH)
