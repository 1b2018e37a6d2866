"""What buyers say of a product, and what it comes to.

::

    pending ──► published ◄──► rejected
       ▲ └───────────────────────▲ │
       └─ an edit, from any state ─┘
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shop_catalog.domain.errors import VersionConflict
from shop_catalog.domain.requests import RequestKey
from shop_events.contracts import Aggregate
from shop_events.contracts.catalog_reviews import (
    ReviewPublished,
    ReviewRejected,
    ReviewSubmitted,
    ReviewWithdrawn,
)

RATINGS = (1, 2, 3, 4, 5)
LONGEST_TITLE = 120
LONGEST_TEXT = 5_000
LONGEST_REASON = 500

BOUGHT = frozenset({"paid", "fulfilled", "delivered"})
"""States of an order in which its customer has what it names, or is owed it."""


class ReviewStatus(StrEnum):
    """Whether others see a review."""

    PENDING = "pending"
    PUBLISHED = "published"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a buyer says. ``rating`` is one of RATINGS, the more the better."""

    rating: int
    recommends: bool
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What all published reviews of a product come to.

    Args:
        ratings: how many there are of each of RATINGS.
        recommended: how many recommend it.
        revision: moves with each change, for entity tags.
    """

    ratings: tuple[int, ...] = (0,) * len(RATINGS)
    recommended: int = 0
    revision: int = 0

    @property
    def count(self) -> int:
        """How many reviews there are."""
        return sum(self.ratings)

    @property
    def mean(self) -> float | None:
        """The average rating to two places; None without reviews."""
        total = sum(rating * number for rating, number in zip(RATINGS, self.ratings, strict=True))
        return round(total / self.count, 2) if self.count else None


UNREVIEWED = Tally()
"""What a product has before anybody said anything."""


@dataclass(kw_only=True, eq=False)
class Review(Aggregate):
    """One customer's review of one product, after they bought it."""

    id: str
    product_id: str
    customer_id: str
    order_id: str
    request: RequestKey
    opinion: Opinion
    written_at: datetime
    edited_at: datetime | None = None
    status: ReviewStatus = ReviewStatus.PENDING
    reason: str | None = None
    helpful: int = 0
    withdrawn: bool = False
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self.version_read = self.version
        self.counted_before = self.counted

    @property
    def counted(self) -> Opinion | None:
        """The opinion, where it is part of the product's tally."""
        return self.opinion if self.status is ReviewStatus.PUBLISHED and not self.withdrawn else None

    def submit(self, at: datetime) -> None:
        """Have a moderator look at it."""
        self.status, self.reason = ReviewStatus.PENDING, None
        self.record(ReviewSubmitted(**self._ids(), **self._rated(), at=at))

    def edit(self, opinion: Opinion, at: datetime) -> None:
        """Say something else, which is looked at again; saying the same again changes nothing."""
        if opinion != self.opinion:
            self.opinion, self.edited_at = opinion, at
            self.submit(at)

    def publish(self, at: datetime) -> None:
        """Show it to everybody; again changes nothing."""
        if self.status is not ReviewStatus.PUBLISHED:
            self.status, self.reason = ReviewStatus.PUBLISHED, None
            self.record(ReviewPublished(**self._ids(), **self._rated(), at=at))

    def reject(self, reason: str, at: datetime) -> None:
        """Show it to nobody but its author, who is told why; again for the same reason changes nothing."""
        if (self.status, self.reason) != (ReviewStatus.REJECTED, reason):
            self.status, self.reason = ReviewStatus.REJECTED, reason
            self.record(ReviewRejected(**self._ids(), at=at))

    def withdraw(self, at: datetime) -> None:
        """Take it back for good."""
        self.withdrawn = True
        self.record(ReviewWithdrawn(**self._ids(), at=at))

    def assert_version(self, version: int) -> None:
        """Make sure that the caller saw the newest state.

        Raises:
            VersionConflict: it is another one.
        """
        if version != self.version:
            raise VersionConflict("The review was changed in the meantime.")

    def _ids(self) -> dict[str, str]:
        return {"product_id": self.product_id, "review_id": self.id, "user_id": self.customer_id}

    def _rated(self) -> dict[str, int]:
        return {"rating": self.opinion.rating, "recommends": self.opinion.recommends}
