"""How much a product is wanted: views, choices among results, engaged time and purchases, decayed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shop_analytics.domain.decay import Decay

VIEW, CHOSEN, ENGAGED_MINUTE, PURCHASE = 1.0, 1.0, 1.0, 10.0
"""What each adds to a product's popularity."""
MOST_MINUTES = 5
"""Engaged minutes of one view that count for popularity: how long it lasted is only what a client says."""

_MINUTE_MS = 60_000

_LATELY = 8
_EASE = 1.0
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Score:
    """Popularity at one moment, and its trend: above 1 the product is wanted more than it used to be."""

    popularity: float
    trend: float

    def differs(self, other: Score, by: float = 0.01) -> bool:
        """Say whether a reader would rank differently: by a hundredth, unless told otherwise."""
        pairs = ((self.popularity, other.popularity), (self.trend, other.trend))
        return any(abs(mine - theirs) > by * max(mine, theirs) for mine, theirs in pairs)


def engagement(before: int, after: int) -> float:
    """Return what a view adds to popularity as its engaged time grows; both are milliseconds so far."""
    first, last = (min(each / _MINUTE_MS, MOST_MINUTES) for each in (before, after))
    return ENGAGED_MINUTE * (last - first)


@dataclass(frozen=True, slots=True)
class Heat:
    """Two decays of the same attention: the half-life asked for, and one of an eighth of it."""

    half_life: timedelta
    slow: Decay = field(init=False)
    fast: Decay = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slow", Decay(self.half_life))
        object.__setattr__(self, "fast", Decay(self.half_life / _LATELY))

    def parts(self, at: datetime, weight: float) -> list[tuple[str, float]]:
        """Return what ``weight`` at ``at`` adds, as paths such as ``slow.12`` with their amounts."""
        seconds = at.timestamp()
        (slow, slowly), (fast, quickly) = self.slow.part(seconds, weight), self.fast.part(seconds, weight)
        return [(f"slow.{slow}", slowly), (f"fast.{fast}", quickly)]

    def rank(self, popularity: float, at: datetime) -> float:
        """Return a number that ranks popularities of different moments: one more is twice as popular."""
        return math.log2(max(popularity, _LEAST)) + at.timestamp() / self.half_life.total_seconds()

    def score(self, tallies: Iterable[Mapping[str, Mapping[str, float]]], now: datetime) -> Score:
        """Return the score of a product from its tallies, each ``{"slow": {era: sum}, "fast": …}``."""
        tallies = list(tallies)
        slow = sum(self.slow.value(tally.get("slow", {}), now) for tally in tallies)
        fast = sum(self.fast.value(tally.get("fast", {}), now) for tally in tallies)
        return Score(popularity=slow, trend=(fast * _LATELY + _EASE) / (slow + _EASE))
