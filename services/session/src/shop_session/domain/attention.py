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


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of somebody.

    Args:
        told: marks of the newest MOST_TOLD events.
        totals: how long views of pages have lasted, in milliseconds, by their marks.
        views: products that were viewed, as they came.
    """

    told: frozenset[int] = frozenset()
    totals: Mapping[int, int] = field(default_factory=dict)
    views: Sequence[Viewed] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What is to be remembered of somebody besides."""

    owner: Owner
    told: Sequence[int]
    totals: Mapping[int, int]
    views: Sequence[Viewed]
