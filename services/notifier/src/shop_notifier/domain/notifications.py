"""A notification and its way to the reader.

::

    queued ──claim──> sending ──accepted──> sent ──> delivered ──> bounced      (left to right: webhooks)
      ^                 │ ├──refused──> failed
      │<──put back──────┘ └──lost──> unknown ──webhook──> sent, delivered, bounced, failed
      └────────────resend at the deadline──┴──give up──> failed

A claim is taken before anything is sent and named by whoever reports what came of it, so a report of a claim
that is no longer in hand changes nothing. Webhooks come late, twice and in any order: news only ever moves
a notification forward in the order of ``_RANK``, so the outcome is the same whatever the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shop_events.contracts import Aggregate
from shop_events.contracts.notifier import DeliveryChanged
from shop_notifier.domain.policies import Policy, WhenUnknown


class Channel(StrEnum):
    """A way to reach a person."""

    EMAIL = "email"
    SMS = "sms"
    SITE = "site"


class Status(StrEnum):
    """Where a notification is on its way. ``sending`` is known to notifier alone."""

    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    READ = "read"


_RANK = {Status.SENT: 1, Status.FAILED: 2, Status.DELIVERED: 3, Status.BOUNCED: 4, Status.READ: 5}


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send, once."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What a provider's webhook says of one notification.

    Args:
        event_id: the same for each repetition of the webhook.
        status: sent, failed, delivered or bounced.
    """

    event_id: str
    notification_id: str
    status: Status
    provider_id: str | None = None

    def moves(self, status: Status) -> bool:
        """Say whether this moves a notification that is in ``status``; if not, it never will."""
        return _RANK[self.status] > _RANK.get(status, 0)


@dataclass(eq=False, kw_only=True)
class Notification(Aggregate):
    """One message to one person on one channel.

    Args:
        about: ids of what it is about, for instance ``order_id``; it travels with the message.
        content: what the templates are filled with; of a site entry its ``title`` and ``body``.
        attempts: how many sends may have reached the provider.
        deferrals: how often it was put back since the last attempt that may have reached the provider.
        due_at: not to be sent before.
        settle_by: when an unknown outcome is decided by policy.
        reason: why it failed or is unknown, in a provider's code or a word of ours; never an address.
    """

    id: str
    user_id: str
    channel: Channel
    kind: str
    about: Mapping[str, str]
    content: Mapping[str, Any]
    created_at: datetime
    due_at: datetime
    status: Status = Status.QUEUED
    version: int = 0
    attempts: int = 0
    deferrals: int = 0
    claim: Claim | None = None
    settle_by: datetime | None = None
    provider_id: str | None = None
    reason: str | None = None
    read_at: datetime | None = None
    _told: Status | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__init__()
        known = Status.QUEUED if self.status is Status.SENDING else self.status
        self._told = known if self.version else None

    @classmethod
    def new(
        cls,
        *,
        id: str,
        user_id: str,
        channel: Channel,
        kind: str,
        about: Mapping[str, str],
        content: Mapping[str, Any],
        now: datetime,
    ) -> Self:
        """Make one and say that it exists."""
        made = cls(
            id=id,
            user_id=user_id,
            channel=channel,
            kind=kind,
            about=about,
            content=content,
            created_at=now,
            due_at=now,
        )
        made.announce(now)
        return made

    def announce(self, now: datetime) -> None:
        """Say that it exists: queued, or on the site at once."""
        self._move(Status.DELIVERED if self.channel is Channel.SITE else Status.QUEUED, now)

    def take(self, claim: Claim) -> None:
        """Give the right to send to ``claim``; the notification must be queued."""
        if self.status is not Status.QUEUED:
            raise ValueError(f"{self.id} is {self.status}, not queued")
        self.status, self.claim = Status.SENDING, claim

    def accepted(self, claim_id: str, provider_id: str | None, now: datetime) -> bool:
        """The provider took it under its own id. False: the claim is not in hand."""
        if not self._in_hand(claim_id):
            return False
        self._spend()
        self.provider_id = provider_id
        self._move(Status.SENT, now)
        return True

    def refused(self, claim_id: str, reason: str, now: datetime) -> bool:
        """The provider will not have it. False: the claim is not in hand."""
        if not self._in_hand(claim_id):
            return False
        self._spend()
        self.reason = reason
        self._move(Status.FAILED, now)
        return True

    def put_back(self, claim_id: str, until: datetime, now: datetime) -> bool:
        """Nothing reached the provider: no attempt is spent. False: the claim is not in hand."""
        if not self._in_hand(claim_id):
            return False
        self.deferrals += 1
        self.due_at = until
        self._move(Status.QUEUED, now)
        return True

    def lost(self, claim_id: str, reason: str, settle_by: datetime, now: datetime) -> bool:
        """Nobody knows whether the provider took it. False: the claim is not in hand."""
        if self.status is not Status.SENDING or not self._in_hand(claim_id):
            return False
        self._spend()
        self.reason, self.settle_by = reason, settle_by
        claim = self.claim
        self._move(Status.UNKNOWN, now)
        self.claim = claim  # its own report, however late, is still worth more than the deadline
        return True

    def overdue(self, policy: Policy, now: datetime) -> bool:
        """Let the policy decide an unknown outcome whose deadline is over. False: there is none."""
        if self.status is not Status.UNKNOWN or self.settle_by is None or self.settle_by > now:
            return False
        if policy.when_unknown is WhenUnknown.RESEND and self.attempts < policy.max_attempts:
            self.due_at = now
            self._move(Status.QUEUED, now)
        else:
            self._move(Status.FAILED, now)
        return True

    def hear(self, news: News, now: datetime) -> bool:
        """Believe a webhook. False: it says nothing new."""
        if not news.moves(self.status):
            return False
        self.provider_id = news.provider_id or self.provider_id
        self._move(news.status, now)
        return True

    def read(self, now: datetime) -> bool:
        """Its reader has seen it. False: that was known."""
        if self.channel is not Channel.SITE or self.status is Status.READ:
            return False
        self.read_at = now
        self._move(Status.READ, now)
        return True

    def _in_hand(self, claim_id: str) -> bool:
        held = self.status in (Status.SENDING, Status.UNKNOWN)
        return held and self.claim is not None and self.claim.id == claim_id

    def _spend(self) -> None:
        if self.status is Status.SENDING:
            self.attempts += 1
            self.deferrals = 0

    def _move(self, status: Status, now: datetime) -> None:
        """Change the status; others hear of it unless it is what they heard last."""
        self.status, self.claim = status, None
        if status is not Status.UNKNOWN:
            self.settle_by = None
        if status is self._told:
            return
        self._told = status
        told = {
            "notification_id": self.id,
            "user_id": self.user_id,
            "channel": self.channel,
            "kind": self.kind,
        }
        self.record(DeliveryChanged.model_validate({**told, "status": status, "at": now}))
