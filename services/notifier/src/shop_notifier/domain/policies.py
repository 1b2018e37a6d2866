"""What to do, by kind of notification, when nobody ever says whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


_POLICIES = {"receipt": Policy(WhenUnknown.RESEND, max_attempts=5)}
_CAREFUL = Policy(WhenUnknown.GIVE_UP, max_attempts=1)


def policy_of(kind: str) -> Policy:
    """Return the policy of a kind; one without a policy of its own is never sent twice."""
    return _POLICIES.get(kind, _CAREFUL)
