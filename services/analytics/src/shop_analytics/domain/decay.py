"""Sums whose parts lose half their weight every half-life, in any order and without reading them first.

Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, ICDE 2009): a part at time t weighs 2^((t - t0) / H)
for a fixed landmark t0, so parts are simply added; only who reads the sum divides by the weight of now.
Landmarks are the beginnings of eras of 64 half-lives, which keeps every number within a double.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_ERA = 64


@dataclass(frozen=True, slots=True)
class Decay:
    """How fast things are forgotten."""

    half_life: timedelta
    _seconds: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_seconds", self.half_life.total_seconds())

    def part(self, at: float, weight: float = 1.0) -> tuple[str, float]:
        """Return the era of a moment (seconds since the epoch), and what ``weight`` adds to its sum then."""
        era, inside = divmod(at / self._seconds, _ERA)
        return str(int(era)), weight * math.exp2(inside)

    def value(self, sums: Mapping[str, float], now: datetime) -> float:
        """Return what is left at ``now`` of the sums of all eras."""
        present = now.timestamp() / self._seconds
        return sum(amount * math.exp2(int(era) * _ERA - present) for era, amount in sums.items())
