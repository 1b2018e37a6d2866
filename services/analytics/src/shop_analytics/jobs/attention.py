"""Counting page views that came before the news of their products."""

from __future__ import annotations

from datetime import UTC, datetime

from shop_analytics.application import activity
from shop_analytics.store.unit_of_work import Transact


async def count_waiting(transact: Transact, rules: activity.Activity) -> None:
    """Count what waited for the products there was news of since the last look, a batch a transaction."""
    began, since, after = datetime.now(UTC), await transact.read(activity.unseen_since), ""
    while product_ids := await transact.read(activity.told_since, since, after):
        while await transact(rules.count_waiting, product_ids):
            pass
        after = product_ids[-1]
    await transact(activity.seen_until, began)
