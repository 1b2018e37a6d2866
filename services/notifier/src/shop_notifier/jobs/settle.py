"""Settling: what a dead process was sending becomes unknown, and what stays unknown too long is decided."""

from __future__ import annotations

from datetime import timedelta

from shop_notifier.application import dispatch
from shop_notifier.store.unit_of_work import Transact

BATCH = 100


async def settle(transact: Transact, claims_last: timedelta, settle_within: timedelta) -> None:
    """Do all that is due, a batch per transaction.

    Args:
        claims_last: age from which a claim's holder cannot be sending any more.
        settle_within: how long an unknown outcome may stay unknown.
    """
    while await transact(dispatch.lose_stale, claims_last, settle_within, BATCH) == BATCH:
        pass
    while await transact(dispatch.settle_overdue, BATCH) == BATCH:
        pass
