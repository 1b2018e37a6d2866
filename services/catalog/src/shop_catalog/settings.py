"""Catalog's environment."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from shop_chassis.settings import ServiceSettings


class CatalogSettings(ServiceSettings):
    """Catalog knows products and stock, and takes orders."""

    service_name: str = "catalog"
    mongodb_database: str = "shop_catalog"
    http_port: int = 8101

    payment_base_url: str = Field(pattern=r"^https?://", description="Where the payment provider's API is")
    payment_api_key: SecretStr = Field(min_length=1, description="API key of the payment provider")
    payment_webhook_secret: SecretStr = Field(
        min_length=1, description="Secret that the provider's webhooks are signed with"
    )
    payment_timeout_seconds: float = Field(
        5, gt=0, le=10, description="How long an order waits for the provider before it is answered"
    )
    payment_deadline_seconds: float = Field(
        900,
        ge=0,
        le=86_400,
        description="How long a payment may stay unsettled; then its order is cancelled",
    )
    payment_capture: Literal["automatic", "manual"] = Field(
        "automatic",
        description="Whether the provider takes the money at once, or holds it until the order notes that",
    )
    reservation_seconds: float = Field(
        900, ge=0, le=86_400, description="How long an order that is to be paid later keeps its stock"
    )
    payment_check_seconds: float = Field(
        3, gt=0, le=300, description="Time between two looks for unsettled payments and refunds"
    )

    return_days: int = Field(
        30, ge=0, le=3650, description="How long after delivery customers may ask to return goods"
    )

    price_rules_seconds: float = Field(
        1, ge=0, le=60, description="How long a changed promotion or tariff may go unheeded"
    )

    hot_answers_bytes: int = Field(
        32 * 1024 * 1024,
        ge=0,
        le=4 * 1024**3,
        description="Memory for answers kept ready for visitors who are not signed in; 0 keeps none",
    )
    search_folder: Path = Field(
        Path(tempfile.gettempdir()) / "shop-search",
        description="Where each API process keeps its search index while it runs",
    )
    search_refresh_seconds: float = Field(
        0.5, gt=0, le=60, description="How long changes of products are gathered before they are found"
    )
    search_kept_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        le=4 * 1024**3,
        description="Memory for answers to searches, kept until a product changes; 0 keeps none",
    )
    search_popular_visitors: int = Field(
        5,
        ge=2,
        le=10_000,
        description="So many visitors must search for the same within a day until others are offered it",
    )
    search_popular_seconds: float = Field(
        60, gt=0, le=3600, description="Time between two counts of what many have searched for"
    )
    search_threads: int = Field(2, ge=1, le=32, description="Threads of a process that answer searches")

    @property
    def patience(self) -> timedelta:
        """Return how long an order that is to be paid later keeps its stock."""
        return timedelta(seconds=self.reservation_seconds)

    @property
    def return_window(self) -> timedelta:
        """Return how long after delivery customers may ask to return goods."""
        return timedelta(days=self.return_days)

    @property
    def payment_deadline(self) -> timedelta:
        """Return how long a payment may stay unsettled."""
        return timedelta(seconds=self.payment_deadline_seconds)

    @property
    def payment_checks(self) -> timedelta:
        """Return the time between two looks for unsettled payments."""
        return timedelta(seconds=self.payment_check_seconds)
