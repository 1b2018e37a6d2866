"""What operators may see of deliveries: ids and states, never addresses or texts."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel

from shop_chassis.auth import Authenticated
from shop_chassis.http import BadCursor, Listing, Page, Read, encode_cursor
from shop_chassis.openapi import responses
from shop_notifier.api.errors import ERRORS
from shop_notifier.application import deliveries
from shop_notifier.domain.errors import AccessDenied
from shop_notifier.domain.notifications import Channel, Notification, Status

router = APIRouter(tags=["deliveries"])


class DeliveryView(BaseModel):
    """Where one notification is on its way."""

    id: str
    user_id: str
    channel: Channel
    kind: str
    about: dict[str, str]
    status: Status
    attempts: int
    reason: str | None
    created_at: datetime
    settle_by: datetime | None

    @classmethod
    def of(cls, notification: Notification) -> Self:
        """Return how a delivery is shown."""
        return cls(**{name: getattr(notification, name) for name in cls.model_fields})


class Count(BaseModel):
    """How many notifications of a channel are in a status."""

    channel: Channel
    status: Status
    count: int


class Summary(BaseModel):
    """Counts of all notifications; what is not listed is zero."""

    counts: list[Count]


@router.get("/v1/deliveries", responses=responses(AccessDenied, BadCursor, of=ERRORS))
async def list_deliveries(
    status: Status, caller: Authenticated, page: Page, read: Read
) -> Listing[DeliveryView]:
    """Show notifications in a status, for administrators and support."""
    (after,) = page.after(str) or (None,)
    found = await read(deliveries.in_status, caller, status, page.limit, after)
    return Listing(
        items=[DeliveryView.of(notification) for notification in found],
        next_cursor=encode_cursor(found[-1].id) if len(found) == page.limit else None,
    )


@router.get("/v1/deliveries/summary", responses=responses(AccessDenied, of=ERRORS))
async def summarize_deliveries(caller: Authenticated, read: Read) -> Summary:
    """Count notifications by channel and status, for administrators and support."""
    found = await read(deliveries.counts, caller)
    return Summary(counts=[Count(channel=c, status=s, count=n) for c, s, n in found])
