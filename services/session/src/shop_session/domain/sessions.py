"""A session: one visitor on one device, anonymous first, linked to a user later, over at some time.

::

    started ──► linked ──► ended
       └───────────────────► ended
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from shop_events.contracts import Aggregate
from shop_events.contracts.session import SessionEnded, SessionLinked, SessionStarted
from shop_session.domain.owners import Owner

MOST_OF_A_USER = 50
"""Sessions that a user can have at a time: ending a login must be able to end all of them at once."""

EndReason = Literal["expired", "logged-out", "revoked"]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lasts without use, and at all since its string was made."""

    idle: timedelta = timedelta(days=14)
    absolute: timedelta = timedelta(days=90)

    @property
    def touch_after(self) -> timedelta:
        """How much of the idle time may pass unnoticed, so that not each read is a write."""
        return min(self.idle / 10, timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class Consent:
    """What the visitor agreed to. Nothing is agreed to as long as nothing was said (``decided_at`` None)."""

    analytics: bool = False
    marketing: bool = False
    decided_at: datetime | None = None


@dataclass(kw_only=True, eq=False)
class Session(Aggregate):
    """A session as it is stored.

    Args:
        visitor_id: ``vst_…``, by which others know the visitor.
        digest: SHA-256 of the session string.
        idle_until: its end, if it is not used before; never after ``expires_at``.
        expires_at: its end, however busy.
        user_id, family_id, epoch: who linked it, with a token of which login; None and 0 for a guest.
        version: number of its events.
    """

    visitor_id: str
    digest: str = field(repr=False)
    idle_until: datetime
    expires_at: datetime
    consent: Consent = Consent()
    user_id: str | None = None
    family_id: str | None = None
    epoch: int = 0
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def start(cls, visitor_id: str, digest: str, lifetimes: Lifetimes, now: datetime) -> Session:
        """Begin the session of somebody unknown."""
        session = cls(
            visitor_id=visitor_id,
            digest=digest,
            idle_until=now + min(lifetimes.idle, lifetimes.absolute),
            expires_at=now + lifetimes.absolute,
        )
        session.record(SessionStarted(visitor_id=visitor_id, at=now))
        return session

    @property
    def owner(self) -> Owner:
        """Whom cart, saved states and recently viewed products belong to."""
        if self.user_id:
            return Owner(self.user_id)
        return Owner(self.visitor_id, kept_until=self.expires_at)

    def is_live(self, now: datetime) -> bool:
        """Say whether it has not expired."""
        return now < self.idle_until

    def link(self, digest: str, user_id: str, lifetimes: Lifetimes, now: datetime) -> None:
        """Turn a guest's session into a user's; from now on it answers to another string."""
        self.user_id = user_id
        self.digest = digest
        self.expires_at = now + lifetimes.absolute
        self.idle_until = now + min(lifetimes.idle, lifetimes.absolute)
        self.record(SessionLinked(visitor_id=self.visitor_id, user_id=user_id, at=now))

    def rely_on(self, family_id: str, epoch: int) -> None:
        """End together with this login from now on."""
        self.family_id, self.epoch = family_id, epoch

    def end(self, reason: EndReason, now: datetime) -> None:
        """Note that it is over."""
        self.record(SessionEnded(visitor_id=self.visitor_id, reason=reason, at=now))
