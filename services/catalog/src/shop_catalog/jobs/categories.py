"""Products that follow their category when it is renamed or moved."""

from __future__ import annotations

from shop_catalog.application import categories
from shop_catalog.store.unit_of_work import Transact

BATCH = 100


async def spread(transact: Transact) -> bool:
    """Tell the products of one category where they are now; return whether there was anything to tell."""
    after, worked = "", False
    while (after_next := await transact(categories.spread, after, BATCH)) is not None:
        after, worked = after_next, True
        if not after:
            break
    return worked
