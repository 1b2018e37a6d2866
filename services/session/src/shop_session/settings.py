"""Session's environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from shop_chassis.settings import ServiceSettings
from shop_session.domain.sessions import Lifetimes


class SessionSettings(ServiceSettings):
    """Visitor sessions, carts, saved state and activity."""

    service_name: str = Field("session", description="Name in logs, metrics and event sources")
    mongodb_database: str = Field(
        "shop_session",
        pattern=r"^[A-Za-z0-9_-]{1,63}$",
        description="Database that this service owns alone",
    )
    http_port: int = Field(8103, ge=0, le=65535, description="Port of the API; 0 takes a free one")

    session_idle_seconds: float = Field(
        14 * 86_400, gt=0, le=366 * 86_400, description="A session that is not used for this long is over"
    )
    session_absolute_seconds: float = Field(
        90 * 86_400,
        gt=0,
        le=366 * 86_400,
        description="A session is over after this, however busy; linking begins it anew",
    )
    session_expiry_check_seconds: float = Field(
        30, gt=0, le=3600, description="Time between two looks for sessions that have expired"
    )
    cart_abandoned_seconds: float = Field(
        3600, gt=0, le=90 * 86_400, description="A cart that nobody touches for this long is abandoned"
    )
    cart_abandoned_check_seconds: float = Field(
        30, gt=0, le=3600, description="Time between two looks for carts that were abandoned"
    )
    telemetry_timeout_seconds: float = Field(
        5,
        gt=0,
        le=30,
        description="How long activity waits for Kafka's acknowledgement before it is answered 503",
    )
    telemetry_most_waiting: int = Field(
        20_000, ge=100, description="Activity events waiting for Kafka in this process; more are answered 503"
    )

    @property
    def lifetimes(self) -> Lifetimes:
        """Return how long sessions last."""
        return Lifetimes(
            idle=timedelta(seconds=self.session_idle_seconds),
            absolute=timedelta(seconds=self.session_absolute_seconds),
        )

    @property
    def expiry_checks(self) -> timedelta:
        """Return the time between two looks for expired sessions."""
        return timedelta(seconds=self.session_expiry_check_seconds)

    @property
    def cart_patience(self) -> timedelta:
        """Return how long a cart waits for somebody to come back."""
        return timedelta(seconds=self.cart_abandoned_seconds)

    @property
    def cart_checks(self) -> timedelta:
        """Return the time between two looks for abandoned carts."""
        return timedelta(seconds=self.cart_abandoned_check_seconds)
