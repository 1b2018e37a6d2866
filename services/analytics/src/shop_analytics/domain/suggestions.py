"""When a user is told of products they may like: one suggestion a day and occasion, and never too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shop_events.ids import derived_id

Occasion = Literal["purchase", "views"]

TOO_LATE = timedelta(days=1)
MOST_PRODUCTS = 6


@dataclass(frozen=True, slots=True)
class Opportunity:
    """Something happened that products may be suggested for.

    Args:
        about: the product that was bought, or viewed again and again.
        since: for repeated views, when they began: who bought the product since has no need of it.
        due_at: not before this; a purchase may follow the third view within minutes.
    """

    user_id: str
    occasion: Occasion
    about: str
    at: datetime
    due_at: datetime
    since: datetime | None = None
    bought: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return the id that all opportunities of one user, occasion and day (UTC) share."""
        return derived_id("suggestion", self.user_id, self.occasion, self.at.strftime("%Y-%m-%d"))

    def is_too_late(self, now: datetime) -> bool:
        """Say whether the user will have forgotten by now."""
        return now - self.at > TOO_LATE
