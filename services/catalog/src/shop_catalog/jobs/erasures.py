"""Forgetting people who have left, a batch at a time."""

from __future__ import annotations

from shop_catalog.application import erasures
from shop_catalog.store.unit_of_work import Transact

PEOPLE = 20
BATCH = 200


async def erase(transact: Transact) -> bool:
    """Forget people, a batch of what is theirs per transaction; return whether there may be more of them."""
    people = await transact(erasures.due, PEOPLE)
    for each in people:
        while await transact(erasures.go_on, each, BATCH):
            pass
    return len(people) == PEOPLE
