"""Telling scores, every few seconds, a batch a transaction."""

from __future__ import annotations

from datetime import UTC, datetime

from shop_analytics.application import scores
from shop_analytics.domain.popularity import Heat
from shop_analytics.store.unit_of_work import Transact


async def tell(transact: Transact, heat: Heat) -> None:
    """Publish the scores that changed since the last look, and those that nobody has looked at for long."""
    began, since, after = datetime.now(UTC), await transact.read(scores.untold_since), ""
    while product_ids := await transact.read(scores.touched, since, after):
        await transact(scores.tell, product_ids, heat)
        after = product_ids[-1]
    await transact(scores.told_until, began)
    if product_ids := await transact.read(scores.stale, heat):
        await transact(scores.tell, product_ids, heat)


async def republish(transact: Transact, heat: Heat) -> int:
    """Tell all scores again, a batch per transaction; return how many."""
    told, after = 0, ""
    while batch := await transact(scores.republish, after, heat):
        told, after = told + len(batch), batch[-1].product_id
    return told
