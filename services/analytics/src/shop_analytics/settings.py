"""Analytics's environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from shop_analytics.domain.next_items import Neighbours
from shop_analytics.domain.popularity import Heat
from shop_chassis.settings import ServiceSettings


class AnalyticsSettings(ServiceSettings):
    """What the site learns from searches, views and purchases."""

    service_name: str = "analytics"
    mongodb_database: str = "shop_analytics"
    http_port: int = 8105

    popularity_half_life_hours: float = Field(
        24, gt=0, le=8760, description="After so long, a view or purchase counts half for popularity"
    )
    score_interval_seconds: float = Field(
        3, gt=0, le=3600, description="Time between two looks for scores that changed"
    )
    visit_gap_minutes: float = Field(
        30, gt=0, le=1440, description="Silence after which a visitor's next view begins a new visit"
    )
    suggestion_delay_seconds: float = Field(
        300,
        ge=0,
        le=86_400,
        description="Time from a purchase, or the third view of a product, to a suggestion",
    )
    suggestion_interval_seconds: float = Field(
        5, gt=0, le=3600, description="Time between two looks for suggestions that are due"
    )
    waiting_views_interval_seconds: float = Field(
        2, gt=0, le=300, description="Time between two looks for views that came before their products"
    )
    alert_interval_seconds: float = Field(
        2, gt=0, le=300, description="Time between two looks for alerts that are over"
    )
    next_items_history_days: float = Field(
        7, gt=0, le=14, description="How far back a process reads page views to learn what is viewed next"
    )
    next_items_sessions_per_item: int = Field(
        500, ge=1, le=10_000, description="VMIS-kNN: newest sessions looked at per item (m)"
    )
    next_items_neighbours: int = Field(
        50, ge=1, le=1000, description="VMIS-kNN: most similar sessions that vote (k)"
    )
    next_items_last_items: int = Field(
        2, ge=1, le=20, description="VMIS-kNN: how many of a session's last items count (L)"
    )

    @property
    def heat(self) -> Heat:
        """Return how popularity decays."""
        return Heat(timedelta(hours=self.popularity_half_life_hours))

    @property
    def visit_gap(self) -> timedelta:
        """Return the silence that ends a visit."""
        return timedelta(minutes=self.visit_gap_minutes)

    @property
    def suggestion_delay(self) -> timedelta:
        """Return how long a suggestion waits."""
        return timedelta(seconds=self.suggestion_delay_seconds)

    @property
    def neighbours(self) -> Neighbours:
        """Return how many sessions are asked for the next item."""
        return Neighbours(
            self.next_items_sessions_per_item, self.next_items_neighbours, self.next_items_last_items
        )
