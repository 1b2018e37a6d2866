"""What the environment decides, and what to do, by kind, when nobody ever says whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Rules:
    """What the environment decides.

    Args:
        alert_window: how long alerts of one rule are gathered before they are mailed.
    """

    alert_window: timedelta = timedelta(seconds=60)


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
    """

    when_unknown: WhenUnknown
    max_attempts: int


_PERSISTENT = Policy(WhenUnknown.RESEND, max_attempts=5)
_POLICIES = {"receipt": _PERSISTENT, "alert": _PERSISTENT}
_CAREFUL = Policy(WhenUnknown.GIVE_UP, max_attempts=1)


def policy_of(kind: str) -> Policy:
    """Return the policy of a kind; one without a policy of its own is never sent twice."""
    return _POLICIES.get(kind, _CAREFUL)
