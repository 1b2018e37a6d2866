"""What notifier tells: what became of each notification."""

from __future__ import annotations

from typing import Literal

from shop_events.contracts.base import Event, Instant

DELIVERIES = "notifier.deliveries.v1"


class DeliveryChanged(
    Event, type="notifier.notification.delivery-changed.v1", topic=DELIVERIES, key="notification_id"
):
    """A notification moved on its way to its reader."""

    notification_id: str
    user_id: str
    channel: Literal["email", "sms", "site"]
    kind: str
    status: Literal["queued", "sent", "delivered", "bounced", "failed", "unknown", "read"]
    at: Instant
