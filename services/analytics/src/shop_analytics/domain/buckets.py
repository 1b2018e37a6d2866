"""Leaky buckets in event time: what arrives faster than it leaks fills them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Leak:
    """A bucket's size, in drops, and how long one drop takes to leak."""

    capacity: int
    every: timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """``level`` drops were in it at ``at``. Never holds more than the capacity, never less than nothing."""

    level: float
    at: datetime

    def level_at(self, at: datetime, leak: Leak) -> float:
        """Return what is left at ``at``; a moment before the last drop counts as that of the last drop."""
        return max(0.0, self.level - max(at - self.at, timedelta()) / leak.every)

    def pour(self, at: datetime, leak: Leak) -> Bucket:
        """Return the bucket after one more drop at ``at``."""
        level = min(self.level_at(at, leak) + 1, leak.capacity)
        return Bucket(level, max(at, self.at))

    def is_over(self, leak: Leak) -> bool:
        """Say whether ``capacity`` drops fell of which none had leaked entirely when the last one did."""
        return self.level > leak.capacity - 1

    def empty_at(self, leak: Leak) -> datetime:
        """Return when the last drop will have leaked."""
        return self.at + self.level * leak.every
