"""Views of products as each API process reads them for itself, to learn what is viewed next."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from shop_analytics.domain.next_items import SessionIndex
from shop_analytics.domain.sessions import OpenSessions
from shop_events.contracts.session import PageViewed
from shop_events.envelope import Received

_VIEWS_REMEMBERED = 100_000


class SessionFeed:
    """Turns page views into finished sessions for an index. A view that comes again is nothing new.

    Args:
        index: what learns.
        gap: silence that ends a session.
    """

    def __init__(self, index: SessionIndex, gap: timedelta) -> None:
        self._index = index
        self._gap = gap
        self._partitions: dict[int, OpenSessions] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, received: Received, partition: int) -> None:
        """Take an event of session.activity; its visitors are those of ``partition`` alone."""
        event = received.event
        if not isinstance(event, PageViewed) or event.product_id is None or not event.personalise:
            return
        if self._is_known(f"{event.visitor_id}/{event.view_id}"):
            return
        self._sessions(partition).viewed(event.visitor_id, event.product_id, event.at)

    def advance(self, now: datetime) -> None:
        """Close what has ended by ``now``, for partitions where nothing happens any more."""
        for sessions in self._partitions.values():
            sessions.advance(now)

    def _sessions(self, partition: int) -> OpenSessions:
        if partition not in self._partitions:
            self._partitions[partition] = OpenSessions(self._gap, self._index.learn)
        return self._partitions[partition]

    def _is_known(self, view: str) -> bool:
        if view in self._seen:
            return True
        self._seen[view] = None
        if len(self._seen) > _VIEWS_REMEMBERED:
            self._seen.popitem(last=False)
        return False
