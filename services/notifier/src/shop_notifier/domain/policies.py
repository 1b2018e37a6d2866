"""What the environment decides, and what to do, by kind, when nobody ever says whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Rules:
    """What the environment decides.

    Args:
        public_url: where people reach the shop.
        alert_window: how long alerts of one rule are gathered before they are mailed.
        suggestions_per_person: most mails with suggestions that one person gets.
        suggestion_period: the time in which they count.
        broadcast_life: how long a broadcast is shown, unless it is withdrawn.
    """

    public_url: str = "http://localhost:8080"
    alert_window: timedelta = timedelta(seconds=60)
    suggestions_per_person: int = 2
    suggestion_period: timedelta = timedelta(days=7)
    broadcast_life: timedelta = timedelta(days=30)


class WhenUnknown(StrEnum):
    """What the deadline of an unknown outcome means."""

    RESEND = "resend"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard to try.

    Args:
        when_unknown: whether twice is better than never, or never better than twice.
        max_attempts: how many sends may have reached the provider before it counts as failed.
        mailing_list: what a reader must have agreed to, and can unsubscribe from; None: it is owed to them.
    """

    when_unknown: WhenUnknown
    max_attempts: int
    mailing_list: str | None = None


SUGGESTION = "suggestion"
SUGGESTIONS = "suggestions"
"""A kind of notification, and the mailing list it belongs to."""

GUEST_CODE = "guest-code"
RECEIPT = "receipt"

_PERSISTENT = Policy(WhenUnknown.RESEND, max_attempts=5)
_POLICIES = {
    RECEIPT: _PERSISTENT,
    "shipment": _PERSISTENT,
    "refund": _PERSISTENT,
    "return-declined": _PERSISTENT,
    "alert": _PERSISTENT,
    SUGGESTION: Policy(WhenUnknown.GIVE_UP, max_attempts=1, mailing_list=SUGGESTIONS),
}
_CAREFUL = Policy(WhenUnknown.GIVE_UP, max_attempts=1)


def policy_of(kind: str) -> Policy:
    """Return the policy of a kind; one without a policy of its own is never sent twice."""
    return _POLICIES.get(kind, _CAREFUL)
