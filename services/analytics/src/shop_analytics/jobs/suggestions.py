"""Taking opportunities to suggest something, a transaction each."""

from __future__ import annotations

from shop_analytics.application import suggestions
from shop_analytics.store.unit_of_work import Transact


async def take_due(transact: Transact) -> bool:
    """Take the opportunities whose time has come; return whether there may be more."""
    due = await transact.read(suggestions.due)
    for opportunity in due:
        await transact(suggestions.take, opportunity)
    return len(due) == suggestions.BATCH
