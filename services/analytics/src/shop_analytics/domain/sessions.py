"""Sessions as they evolve: who views what, until nothing comes for a while. In event time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_MOST_ITEMS = 100


@dataclass
class _Session:
    last_at: datetime
    items: list[str] = field(default_factory=list)


class OpenSessions:
    """Sessions of the visitors of one partition; each closes ``gap`` after its last view.

    Args:
        gap: silence that ends a session.
        closed: called with the items of each session that ended, in the order they ended.
    """

    def __init__(self, gap: timedelta, closed: Callable[[Sequence[str]], None]) -> None:
        self._gap = gap
        self._closed = closed
        self._open: OrderedDict[str, _Session] = OrderedDict()
        self._now: datetime | None = None

    def __len__(self) -> int:
        return len(self._open)

    def viewed(self, visitor_id: str, product_id: str, at: datetime) -> None:
        """Take a view; time does not go back."""
        self.advance(at)
        assert self._now
        session = self._open.setdefault(visitor_id, _Session(self._now))
        session.last_at = self._now
        if len(session.items) < _MOST_ITEMS:
            session.items.append(product_id)
        self._open.move_to_end(visitor_id)

    def advance(self, now: datetime) -> None:
        """Close the sessions that have ended by ``now``."""
        self._now = max(self._now or now, now)
        while self._open:
            session = next(iter(self._open.values()))
            if self._now - session.last_at <= self._gap:
                return
            self._open.popitem(last=False)
            self._closed(session.items)
