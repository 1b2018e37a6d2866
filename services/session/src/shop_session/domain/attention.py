"""What is remembered of somebody's activity: enough to notice what is told again, and what they viewed.

It is a memory of the newest few, not a record: an event told again after it was forgotten is passed on under
the same id as before, and its readers know it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shop_session.domain.owners import Owner
from shop_session.domain.recent import Viewed

MOST_TOLD = 500
MOST_TOTALS = 200
MOST_VIEWS = 150


def mark(*parts: str) -> int:
    """Return 64 bits that stand for an id, as a signed number."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


@dataclass(slots=True)
class Remembered:
    """What is known of somebody.

    Args:
        changes: how often something was added to it, by whichever process.
        told: marks of the newest events, MOST_TOLD at least.
        totals: how long views of pages have lasted, in milliseconds, by their marks.
        views: products that were viewed, as they came; left out where nobody asks for them.
    """

    changes: int = 0
    told: set[int] = field(default_factory=set)
    totals: dict[int, int] = field(default_factory=dict)
    views: Sequence[Viewed] = ()

    @property
    def is_long(self) -> bool:
        """Say whether its older half should be forgotten with the next addition.

        Cutting at each addition would move all that is left, which costs more than the addition.
        """
        return len(self.told) > 2 * MOST_TOLD or len(self.totals) > 2 * MOST_TOTALS

    def add(self, news: News) -> None:
        """Take what was stored of ``news``."""
        self.changes += 1
        self.told.update(news.told)
        self.totals.update(news.totals)


@dataclass(frozen=True, slots=True)
class News:
    """What is to be remembered of somebody besides. ``cut``: what is too much is forgotten with it."""

    owner: Owner
    told: Sequence[int]
    totals: Mapping[int, int]
    views: Sequence[Viewed]
    cut: bool = True
