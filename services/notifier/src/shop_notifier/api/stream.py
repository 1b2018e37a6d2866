"""The caller's own inbox as it changes, as server-sent events (HTML standard, section 9.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

import structlog
from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from prometheus_client import Gauge
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from shop_chassis.auth import Authenticated, Caller, StillValid
from shop_chassis.http import BadCursor, Read, Transaction, decode_cursor, encode_cursor
from shop_chassis.openapi import responses
from shop_events.waiting import wait_for
from shop_notifier.api.errors import ERRORS
from shop_notifier.api.inbox import EntryView
from shop_notifier.application import live
from shop_notifier.application.live import News, Progress, Watchers
from shop_notifier.domain.errors import TooManyStreams, TooManyWatchers

STREAMS = Gauge("notifier_streams_open", "Streams of inboxes that are open")

_LOOK_EVERY = 1.0
_COME_BACK_AFTER_MS = 2000
_HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx, where it is the gateway
}

log = structlog.get_logger("shop_notifier.stream")

router = APIRouter(tags=["inbox"])


class Unread(BaseModel):
    """How many entries are unread."""

    unread: int


class Arrived(Unread):
    """A new entry."""

    entry: EntryView


@dataclass(frozen=True, slots=True)
class Streams:
    """What all streams of a process share.

    Args:
        heartbeat: seconds of silence after which a comment is sent.
        patience: seconds a reader may take for what was sent, before the stream is cut.
    """

    watchers: Watchers
    stopping: asyncio.Event
    heartbeat: float = 15
    patience: float = 20


async def _streams(request: Request) -> Streams:
    return cast(Streams, request.app.state.streams)


async def _progress(
    last_event_id: Annotated[
        str | None, Header(max_length=2000, description="The id of the last event that arrived")
    ] = None,
) -> Progress | None:
    if not last_event_id:
        return None
    milliseconds, names = decode_cursor(last_event_id, int, str)
    try:
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return Progress.resumed(at, names.split(","))
    except (ValueError, OverflowError, OSError) as error:
        raise BadCursor from error


class EventStream(StreamingResponse):
    """An answer that goes on; whoever does not read it in time is cut off."""

    media_type = "text/event-stream"

    def __init__(self, follower: Follower, place: AbstractContextManager[asyncio.Event]) -> None:
        super().__init__(_nothing(), headers=_HEADERS)
        self._follower = follower
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it is over."""

        async def impatient(message: Message) -> None:
            async with asyncio.timeout(self._follower.streams.patience):
                await send(message)

        with self._place as woken, STREAMS.track_inprogress():
            self.body_iterator = self._follower.events(woken)
            try:
                await super().__call__(scope, receive, impatient)
            except TimeoutError:
                log.info("a reader was too slow")


@router.get(
    "/v1/notifications/stream",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **responses(BadCursor, TooManyStreams, TooManyWatchers, of=ERRORS),
    },
)
async def stream_notifications(
    caller: Authenticated,
    still_valid: StillValid,
    read: Read,
    streams: Annotated[Streams, Depends(_streams)],
    progress: Annotated[Progress | None, Depends(_progress)],
) -> EventStream:
    """Send the caller's new entries (``entry``) and the unread count (``unread``) as they come.

    ``reset`` says that more is new than is worth telling one by one. The stream ends with the token, or when
    the shop asks to connect again; Last-Event-ID then brings what was missed. An entry may come again after
    that, under the same id.
    """
    follower = Follower(caller, still_valid, read, streams, progress)
    return EventStream(follower, streams.watchers.watching(caller.user_id))


@dataclass(slots=True)
class Follower:
    """One stream: whose it is and how far it has come."""

    caller: Caller
    still_valid: Callable[[], bool]
    read: Transaction
    streams: Streams
    progress: Progress | None

    async def events(self, woken: asyncio.Event) -> AsyncIterator[bytes]:
        """Yield events until the caller's token is over or the process stops."""
        yield format_sse_event(retry=_COME_BACK_AFTER_MS)
        unread: int | None = None
        while not self._is_over():
            woken.clear()
            async with self.streams.watchers.asking:
                if self.progress is None:
                    self.progress = await self.read(live.begin, self.caller)
                progress = self.progress
                news = await self.read(live.news, self.caller, progress)
            for event in _told(news, progress, unread):
                yield event
            unread = news.unread
            async for beat in self._rest(woken):
                yield beat

    async def _rest(self, woken: asyncio.Event) -> AsyncIterator[bytes]:
        """Wait until there may be news or the stream is over, with a sign of life now and then."""
        spoke_at = time.monotonic()
        while not await wait_for(woken, _LOOK_EVERY) and not self._is_over():
            if time.monotonic() - spoke_at >= self.streams.heartbeat:
                yield KEEPALIVE_COMMENT
                spoke_at = time.monotonic()

    def _is_over(self) -> bool:
        return self.streams.stopping.is_set() or not self.still_valid()


def _told(news: News, progress: Progress, unread_before: int | None) -> list[bytes]:
    """Return news as events, each with the progress that it makes."""
    told = []
    for entry in news.entries:
        progress.see(entry)
        told.append(_event("entry", Arrived(unread=news.unread, entry=EntryView.of(entry)), progress))
    if news.too_many:
        told.append(_event("reset", Unread(unread=news.unread), progress))
    elif not told and news.unread != unread_before:
        told.append(_event("unread", Unread(unread=news.unread), progress))
    return told


def _event(name: Literal["entry", "unread", "reset"], said: BaseModel, progress: Progress) -> bytes:
    id = encode_cursor(round(progress.at.timestamp() * 1000), ",".join(progress.names))
    return format_sse_event(event=name, data_str=said.model_dump_json(), id=id)


async def _nothing() -> AsyncIterator[Any]:
    return
    yield
