"""A broadcast: one notice for everybody, shown in each site inbox for a while or until it is withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from shop_events.ids import new_id
from shop_notifier.domain.errors import KeyReused

MOST_SHOWN = 100
"""Most broadcasts that are shown at once."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a broadcast says. ``link`` is an https address, or one within the shop."""

    title: str
    body: str
    link: str | None = None


@dataclass(slots=True)
class Broadcast:
    """A notice with its life.

    Args:
        created_by: the administrator who published it.
        key: the idempotency key it came with.
        shown_until: from then on nobody sees it any more.
        withdrawn_at: when an administrator took it back before.
    """

    id: str
    notice: Notice
    created_at: datetime
    created_by: str
    key: str
    shown_until: datetime
    withdrawn_at: datetime | None = None

    @classmethod
    def publish(cls, notice: Notice, by: str, key: str, now: datetime, life: timedelta) -> Self:
        """Make a new one."""
        return cls(new_id("brd"), notice, now, by, key, now + life)

    def demand(self, notice: Notice) -> None:
        """Go on only if this is what was published.

        Raises:
            KeyReused: it says something else.
        """
        if notice != self.notice:
            raise KeyReused

    def withdraw(self, now: datetime) -> bool:
        """Show it to nobody any more. False: that was so."""
        if self.withdrawn_at is not None:
            return False
        self.withdrawn_at = now
        return True

    def is_shown(self, now: datetime) -> bool:
        """Say whether people see it."""
        return self.withdrawn_at is None and now < self.shown_until
