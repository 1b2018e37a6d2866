"""What a visitor does: which products in one visit, which again and again, how many pages how fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shop_analytics.domain.verdicts import Verdict
from shop_analytics.domain.watches import ScrapingWatch

COMPANIONS = 5
"""How many products of the same visit, newest first, count as viewed together with one more."""

VIEWS_TO_SUGGEST = 3
VIEWS_WITHIN = timedelta(hours=24)
_MOST_PRODUCTS = 30


@dataclass
class Repeated:
    """Views of one product that no earlier than :data:`VIEWS_WITHIN` ago began."""

    count: int
    since: datetime


@dataclass
class Visitor:
    """One visitor, as the stream of pages knows them. ``items`` are those of the visit, oldest first."""

    id: str
    last_at: datetime | None = None
    items: list[str] = field(default_factory=list)
    repeated: dict[str, Repeated] = field(default_factory=dict)
    scraping: ScrapingWatch = field(default_factory=ScrapingWatch)

    def viewed_page(self, page: str, at: datetime, gap: timedelta) -> list[Verdict]:
        """Take a page view; after ``gap`` without any, a new visit begins."""
        if self.last_at and at - self.last_at > gap:
            self.items = []
        self.last_at = max(self.last_at or at, at)
        return self.scraping.viewed(page, at)

    def viewed_product(self, product_id: str) -> list[str]:
        """Take a product into the visit; return the products it was viewed together with."""
        if product_id in self.items:
            return []
        companions = self.items[-COMPANIONS:]
        self.items = [*self.items, product_id][-_MOST_PRODUCTS:]
        return companions

    def returned_to(self, product_id: str, at: datetime) -> datetime | None:
        """Count a view of a product; return when the views began if they are now enough for a suggestion."""
        views = self.repeated.pop(product_id, None)
        if views is None or at - views.since > VIEWS_WITHIN:
            views = Repeated(0, at)
        views.count += 1
        self.repeated[product_id] = views
        for stale in list(self.repeated)[:-_MOST_PRODUCTS]:
            del self.repeated[stale]
        return views.since if views.count == VIEWS_TO_SUGGEST else None

    def has_been_here_since(self, at: datetime, gap: timedelta) -> bool:
        """Say whether ``at`` belongs to the visit that ``items`` are of."""
        return self.last_at is not None and self.last_at - at <= gap


@dataclass(frozen=True, slots=True)
class Waiting:
    """What counting a page view later takes, once there is news of its product.

    Args:
        shard: where it counts.
        at: of the last event about it.
        personalise: whether the visitor agreed to be learned from.
    """

    shard: str
    at: datetime
    personalise: bool


@dataclass
class PageAttention:
    """What is known of one page view: counted once, and its engaged time as the largest total told.

    ``waiting`` while catalog has not told of its product: nothing of it has counted for the product yet.
    """

    id: str
    product_id: str | None = None
    viewed_at: datetime | None = None
    engaged_ms: int = 0
    waiting: Waiting | None = None

    @property
    def visitor_id(self) -> str:
        """Whose view it is."""
        return self.id.partition("/")[0]

    def view(self, product_id: str | None, at: datetime) -> bool:
        """Take the view; say whether it is news."""
        self.product_id = self.product_id or product_id
        if self.viewed_at is not None:
            return False
        self.viewed_at = at
        return True

    def engage(self, product_id: str | None, milliseconds: int) -> int:
        """Take a total of engaged time; return by how many milliseconds it grew."""
        self.product_id = self.product_id or product_id
        grown = max(0, milliseconds - self.engaged_ms)
        self.engaged_ms += grown
        return grown

    def wait(self, shard: str, at: datetime, *, personalise: bool = False) -> None:
        """Wait for news of the product."""
        agreed = personalise or (self.waiting is not None and self.waiting.personalise)
        self.waiting = Waiting(shard, at, agreed)
