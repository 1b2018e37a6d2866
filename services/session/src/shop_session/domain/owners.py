"""Whom things belong to: to a user wherever they log in, or to one visit of a guest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody things belong to.

    Args:
        id: a user's id, or a guest's visitor id.
        kept_until: when things of a guest may be thrown away at the latest; None for a user.
    """

    id: str
    kept_until: datetime | None = None
