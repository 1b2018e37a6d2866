"""What visitors tell about their attention: which of it counts, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from shop_events.contracts import Event

MOST_EVENTS = 100
OLDEST = timedelta(hours=24)
"""How late an event may be told."""
FASTEST_CLOCK = timedelta(minutes=5)

_ROBOT = re.compile(r"(?<!cu)bot\b|crawl|spider|slurp|facebookexternalhit|lighthouse", re.IGNORECASE)
_SPECULATIVE = re.compile(r"prefetch|prerender", re.IGNORECASE)


class Outcome(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    IGNORED = "ignored"


Fields = dict[str, Any]
"""What an event says. It fits its contract, since it was made from a report that was validated."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the event that the client calls ``id`` (None if it has no readable one), and why."""

    id: str | None
    outcome: Outcome
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who an event is about, as others may know them. ``personalise``: they agreed to be addressed for it."""

    visitor_id: str
    user_id: str | None
    personalise: bool


class Report(Protocol):
    """One event as the client tells it."""

    @property
    def id(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def contract(self) -> type[Event]:
        """The kind of event that it is to others."""

    def fields(self, visitor: Visitor, at: datetime) -> Fields:
        """Return what others may know of it: all fields of its contract, in their order and form."""


def objection(at: datetime, now: datetime) -> str | None:
    """Say why an event of this time is not believed; None when it is."""
    if at > now + FASTEST_CLOCK:
        return "in the future"
    if at < now - OLDEST:
        return "too old"
    return None


def is_automated(headers: Mapping[str, str]) -> bool:
    """Say whether nobody looks: robots by their name, speculative loads, and what is marked as automated.

    ``Sec-Purpose`` is the browser's mark of a page that is fetched before anybody asked for it; whoever
    stands before the shop, or drives it, marks automated traffic with ``X-Automated``.
    """
    marked = headers.get("x-automated", "").lower() not in ("", "0", "false")
    speculative = bool(_SPECULATIVE.search(headers.get("sec-purpose", "")))
    return marked or speculative or bool(_ROBOT.search(headers.get("user-agent", "")))
