"""What administrators tell everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from shop_chassis.auth import Authenticated
from shop_chassis.http import (
    ONE_LINE,
    SEVERAL_LINES,
    BadCursor,
    BadIdempotencyKey,
    Body,
    IdempotencyKey,
    Listing,
    Page,
    Read,
    Transact,
    encode_cursor,
)
from shop_chassis.openapi import responses
from shop_notifier.api.errors import ERRORS
from shop_notifier.api.inbox import position_after
from shop_notifier.application import broadcasts
from shop_notifier.domain.broadcasts import Broadcast, Notice
from shop_notifier.domain.errors import AccessDenied, BroadcastNotFound, KeyReused, TooManyBroadcasts

# An https address, or one within the shop: never another scheme, never another host by //.
_LINK = r'^(https://[^\s"<>\\]+|/([^\s"<>/\\][^\s"<>\\]*)?|#/[^\s"<>\\]*)$'

router = APIRouter(tags=["broadcasts"])


class Publish(Body):
    """A notice for everybody."""

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
    body: Annotated[str, Field(min_length=1, max_length=2000, pattern=SEVERAL_LINES)]
    link: Annotated[str, Field(max_length=500, pattern=_LINK)] | None = None


class BroadcastView(BaseModel):
    """A broadcast as administrators see it."""

    id: str
    title: str
    body: str
    link: str | None
    created_at: datetime
    created_by: str
    shown_until: datetime
    withdrawn_at: datetime | None

    @classmethod
    def of(cls, broadcast: Broadcast) -> Self:
        """Return how a broadcast is shown."""
        notice = broadcast.notice
        return cls(
            id=broadcast.id,
            title=notice.title,
            body=notice.body,
            link=notice.link,
            created_at=broadcast.created_at,
            created_by=broadcast.created_by,
            shown_until=broadcast.shown_until,
            withdrawn_at=broadcast.withdrawn_at,
        )


@router.post(
    "/v1/broadcasts",
    status_code=201,
    responses=responses(AccessDenied, BadIdempotencyKey, KeyReused, TooManyBroadcasts, of=ERRORS),
)
async def publish_broadcast(
    body: Publish, caller: Authenticated, key: IdempotencyKey, transact: Transact
) -> BroadcastView:
    """Show a notice in everybody's inbox, as an administrator."""
    notice = Notice(body.title, body.body, body.link)
    return BroadcastView.of(await transact(broadcasts.publish, caller, notice, key))


@router.get("/v1/broadcasts", responses=responses(AccessDenied, BadCursor, of=ERRORS))
async def list_broadcasts(caller: Authenticated, page: Page, read: Read) -> Listing[BroadcastView]:
    """List all broadcasts, newest first, for administrators."""
    found = await read(broadcasts.listed, caller, page.limit + 1, position_after(page))
    shown = found[: page.limit]
    following = len(found) > page.limit
    return Listing(
        items=[BroadcastView.of(each) for each in shown],
        next_cursor=encode_cursor(_milliseconds(shown[-1].created_at), shown[-1].id) if following else None,
    )


@router.delete(
    "/v1/broadcasts/{id}", status_code=204, responses=responses(AccessDenied, BroadcastNotFound, of=ERRORS)
)
async def withdraw_broadcast(
    id: Annotated[str, Path(max_length=100)], caller: Authenticated, transact: Transact
) -> None:
    """Take a broadcast out of all inboxes, as an administrator."""
    await transact(broadcasts.withdraw, caller, id)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
