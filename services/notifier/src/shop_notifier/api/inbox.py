"""The caller's own site inbox."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel

from shop_chassis.auth import Authenticated
from shop_chassis.http import BadCursor, Listing, Page, PageRequest, Read, Transact, encode_cursor
from shop_chassis.openapi import responses
from shop_notifier.api.errors import ERRORS
from shop_notifier.application import inbox
from shop_notifier.domain.errors import NotificationNotFound
from shop_notifier.domain.inbox import Entry, Position

router = APIRouter(tags=["inbox"])


class EntryView(BaseModel):
    """One entry of an inbox. ``about`` holds ids of what it is about, for instance ``order_id``."""

    id: str
    kind: str
    about: dict[str, str]
    title: str
    body: str
    link: str | None
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return how an entry is shown."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class Inbox(Listing[EntryView]):
    """Part of an inbox, newest first. ``unread`` counts the whole of it."""

    unread: int


@router.get("/v1/notifications", responses=responses(BadCursor))
async def list_notifications(caller: Authenticated, page: Page, read: Read) -> Inbox:
    """Show the caller's own notifications, newest first."""
    found = await read(inbox.page, caller, page.limit, position_after(page))
    return Inbox(
        items=[EntryView.of(entry) for entry in found.entries],
        next_cursor=_cursor(found.entries[-1]) if len(found.entries) == page.limit else None,
        unread=found.unread,
    )


@router.post("/v1/notifications/{id}/read", responses=responses(NotificationNotFound, of=ERRORS))
async def read_notification(
    id: Annotated[str, Path(max_length=100)], caller: Authenticated, transact: Transact
) -> EntryView:
    """Mark one of the caller's own notifications as read."""
    return EntryView.of(await transact(inbox.read, caller, id))


def _cursor(entry: Entry) -> str:
    return encode_cursor(round(entry.created_at.timestamp() * 1000), entry.id)


def position_after(page: PageRequest) -> Position | None:
    """Return the position (time, id) that a page begins behind; None for the first page.

    Raises:
        BadCursor: it is none.
    """
    after = page.after(int, str)
    if after is None:
        return None
    try:
        return datetime.fromtimestamp(after[0] / 1000, UTC), after[1]
    except (ValueError, OverflowError, OSError) as error:
        raise BadCursor from error
