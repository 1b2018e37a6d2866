"""Session's environment."""

from __future__ import annotations

from pydantic import Field

from shop_chassis.settings import ServiceSettings


class SessionSettings(ServiceSettings):
    """Visitor sessions, carts, saved state and activity."""

    service_name: str = Field("session", description="Name in logs, metrics and event sources")
    mongodb_database: str = Field(
        "shop_session",
        pattern=r"^[A-Za-z0-9_-]{1,63}$",
        description="Database that this service owns alone",
    )
    http_port: int = Field(8103, ge=0, le=65535, description="Port of the API; 0 takes a free one")
