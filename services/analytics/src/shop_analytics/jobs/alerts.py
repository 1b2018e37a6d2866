"""Resolving alerts of which nothing is heard any more.

A stream resolves in event time whenever its subject shows itself. Whom nobody hears of needs a clock: this
one waits a little longer, for events that are under way. An alert resolved too early, because the streams are
far behind, is not raised again by what they still find of the same crossing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shop_analytics.application import alerts
from shop_analytics.store.unit_of_work import Transact

GRACE = timedelta(seconds=5)


async def resolve(transact: Transact) -> bool:
    """Resolve what is over; return whether there may be more."""
    resolved = await transact(alerts.resolve_lapsed, datetime.now(UTC) - GRACE)
    return resolved == alerts.RESOLVED_AT_ONCE
