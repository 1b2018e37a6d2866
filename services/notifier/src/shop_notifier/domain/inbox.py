"""An entry of a site inbox, whether it was meant for one person or for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from shop_notifier.domain.broadcasts import Broadcast
from shop_notifier.domain.notifications import Notification

Position = tuple[datetime, str]
"""Where an entry stands in an inbox: time and id."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one person sees. ``about`` holds ids of what it is about, for instance ``order_id``."""

    id: str
    kind: str
    about: Mapping[str, str]
    title: str
    body: str
    link: str | None
    created_at: datetime
    read_at: datetime | None

    @property
    def position(self) -> Position:
        """Where it stands."""
        return self.created_at, self.id

    @classmethod
    def of_notification(cls, one: Notification) -> Self:
        """Return how a notification looks to its reader."""
        said = one.content
        return cls(
            one.id, one.kind, one.about, said["title"], said["body"], None, one.created_at, one.read_at
        )

    @classmethod
    def of_broadcast(cls, one: Broadcast, read_at: datetime | None) -> Self:
        """Return how a broadcast looks to somebody who read it at ``read_at``."""
        said, about = one.notice, {"broadcast_id": one.id}
        return cls(one.id, "broadcast", about, said.title, said.body, said.link, one.created_at, read_at)
