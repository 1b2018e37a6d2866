"""A live inbox: its owner's entries as they come, over any process, resumed without loss, ended in time."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_chassis.auth import Caller
from shop_chassis.http import encode_cursor
from shop_notifier.api.stream import Streams
from shop_notifier.application import broadcasts, inbox, live
from shop_notifier.application.live import MOST_AT_ONCE, Progress, Watchers
from shop_notifier.domain.broadcasts import Notice
from shop_notifier.domain.errors import TooManyStreams, TooManyWatchers
from shop_notifier.domain.inbox import Entry
from shop_notifier.store.inbox_tail import InboxTail
from shop_notifier.store.unit_of_work import NotifierUnitOfWork, Transact
from tests.listening import Listener
from tests.notifier.conftest import queue_orders, until
from tests.notifier.integration.conftest import EveryToken, listen, server
from tests.notifier.integration.test_api import bearer

Database = AsyncDatabase[dict[str, Any]]
BOSS = Caller("usr_boss", frozenset({"administrator"}))


@dataclass
class Processes:
    """API processes over one database, each with a tail of its own."""

    urls: list[str]
    all_streams: list[Streams]

    @asynccontextmanager
    async def listening(
        self, token: str = "usr_1", after: str | None = None, process: int = 0
    ) -> AsyncIterator[Listener]:
        headers = bearer(token) | ({"Last-Event-ID": after} if after else {})
        async with (
            httpx.AsyncClient(base_url=self.urls[process], timeout=20) as client,
            client.stream("GET", "/v1/notifications/stream", headers=headers) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            yield Listener(answer)

    async def attempt(self, token: str, **headers: str) -> httpx.Response:
        """Ask for a stream that is going to be refused."""
        async with httpx.AsyncClient(base_url=self.urls[0]) as client:
            return await client.get("/v1/notifications/stream", headers=bearer(token) | headers)

    async def open_streams(self, count: int, process: int = 0) -> None:
        """Wait until so many are open in a process."""

        async def are_open() -> bool:
            return len(self.all_streams[process].watchers) == count

        await until(are_open)


@asynccontextmanager
async def process(make_app: Any, db: Database, streams: Streams) -> AsyncIterator[str]:
    listening, url = listen()
    stop = asyncio.Event()
    tail = asyncio.create_task(InboxTail(db, streams.watchers.changed).run(stop))
    async with server(make_app(url, streams)).running(listening):
        try:
            yield url
        finally:
            streams.stopping.set()
            stop.set()
            await tail


@pytest.fixture
async def shop(make_app: Any, db: Database, streams: Streams) -> AsyncIterator[Processes]:
    other = Streams(Watchers(4, 2), asyncio.Event(), heartbeat=0.2, patience=1)
    async with process(make_app, db, streams) as first, process(make_app, db, other) as second:
        yield Processes([first, second], [streams, other])


async def test_an_entry_arrives_as_it_is_made_with_the_count(shop: Processes, transact: Transact) -> None:
    async with shop.listening() as listener:
        assert listener.answer.headers["content-type"].startswith("text/event-stream")
        assert listener.answer.headers["cache-control"] == "no-store, no-transform"
        first = await listener.next()
        assert (first.event, first.data) == ("unread", {"unread": 0})
        [order_id] = await queue_orders(transact, 1)
        told = await listener.next()
    assert (told.event, told.data["unread"]) == ("entry", 1)
    assert told.data["entry"]["about"]["order_id"] == order_id


async def test_each_process_tells_its_own_listeners_and_reading_is_told_too(
    shop: Processes, transact: Transact
) -> None:
    async with shop.listening() as one, shop.listening(process=1) as two:
        for listener in (one, two):
            await listener.next()
        await queue_orders(transact, 1)
        ids = {(await listener.next()).data["entry"]["id"] for listener in (one, two)}
        assert len(ids) == 1
        await transact(inbox.read, Caller("usr_1"), ids.pop())
        for listener in (one, two):
            told = await listener.next()
            assert (told.event, told.data) == ("unread", {"unread": 0})


async def test_nobody_is_told_of_another_ones_entries(shop: Processes, transact: Transact) -> None:
    async with shop.listening("usr_2") as other, shop.listening() as mine:
        await mine.next()
        await other.next()
        await queue_orders(transact, 3)
        [order_id] = await queue_orders(transact, 1, "usr_2")
        told = await other.next()
    assert told.data["entry"]["about"]["order_id"] == order_id
    assert told.data["unread"] == 1


async def test_a_broadcast_reaches_all_and_its_withdrawal_changes_the_count(
    shop: Processes, transact: Transact
) -> None:
    async with shop.listening() as one, shop.listening("usr_2", process=1) as two:
        for listener in (one, two):
            await listener.next()
        made = await transact(broadcasts.publish, BOSS, Notice("Hello", "all", "#/"), "k")
        for listener in (one, two):
            told = await listener.next()
            assert (told.data["entry"]["title"], told.data["unread"]) == ("Hello", 1)
        await transact(broadcasts.withdraw, BOSS, made.id)
        for listener in (one, two):
            assert (await listener.next()).data == {"unread": 0}


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(
    shop: Processes, transact: Transact
) -> None:
    async with shop.listening() as listener:
        await listener.next()
        for _ in range(2):
            await queue_orders(transact, 1)
        before = [await listener.next() for _ in range(2)]
    missed = [(await queue_orders(transact, 1))[0] for _ in range(3)]
    async with shop.listening(after=before[-1].id, process=1) as listener:
        told = [await listener.next() for _ in missed]
        assert [each.data["entry"]["about"]["order_id"] for each in told] == missed
        await queue_orders(transact, 1)
        assert (await listener.next()).data["unread"] == 6
    async with shop.listening(after=before[0].id) as listener:
        assert (await listener.next()).data["entry"]["id"] == before[1].data["entry"]["id"]


async def test_who_missed_very_much_is_told_to_look_at_the_inbox(shop: Processes, transact: Transact) -> None:
    async with shop.listening() as listener:
        start = (await listener.next()).id
    await queue_orders(transact, MOST_AT_ONCE)
    async with shop.listening(after=start) as listener:
        told = await listener.next()
        assert (told.event, told.data) == ("reset", {"unread": MOST_AT_ONCE})
        await queue_orders(transact, 1)
        assert (await listener.next()).event == "entry"


async def test_an_entry_that_becomes_visible_late_is_still_told(transact: Transact, db: Database) -> None:
    await queue_orders(transact, 2)
    newer, late = [n["_id"] async for n in db.notifications.find({"channel": "site"})]
    hidden = await db.notifications.find_one_and_delete({"_id": late})
    assert hidden is not None
    progress = await transact.read(live.begin, Caller("usr_1"))
    assert progress.knows(await entry_of(transact, newer))
    await db.notifications.insert_one(hidden)
    news = await transact.read(live.news, Caller("usr_1"), progress)
    assert [entry.id for entry in news.entries] == [late]


async def entry_of(transact: Transact, id: str) -> Entry:
    async def one(uow: NotifierUnitOfWork) -> Entry:
        found = await uow.notifications.own_entry("usr_1", id)
        assert found is not None
        return Entry.of_notification(found)

    return await transact.read(one)


async def test_a_progress_that_goes_on_for_long_stays_small(transact: Transact) -> None:
    await queue_orders(transact, 60)
    progress = await transact.read(live.begin, Caller("usr_1"))
    assert len(progress.names) == 32
    again = Progress.resumed(progress.at, progress.names)
    news = await transact.read(live.news, Caller("usr_1"), again)
    assert len(news.entries) == 28, "those that no longer fit into the id are told again"


@pytest.mark.parametrize("id", ["x", "WzFd", "Wzk5OTk5OTk5OTk5OTk5OTk5LCJ4Il0", "x" * 2001])
async def test_a_made_up_position_is_refused(shop: Processes, id: str) -> None:
    answer = await shop.attempt("usr_1", **{"Last-Event-ID": id})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_position_before_all_times_is_one_to_begin_at(shop: Processes, transact: Transact) -> None:
    await queue_orders(transact, 1)
    before_all = encode_cursor(round(datetime.min.replace(tzinfo=UTC).timestamp() * 1000), "")
    async with shop.listening(after=before_all) as listener:
        assert (await listener.next()).event == "entry"


async def test_silence_is_filled_with_signs_of_life(shop: Processes, transact: Transact) -> None:
    async with shop.listening() as listener:
        await listener.next()
        with pytest.raises(TimeoutError):
            await listener.next(3)
        assert listener.beats >= 1


async def test_streams_are_bounded_for_each_user_and_each_process(shop: Processes) -> None:
    async with shop.listening() as one, shop.listening() as two:
        for listener in (one, two):
            await listener.next()
        refused = await shop.attempt("usr_1")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        async with shop.listening("usr_2") as three, shop.listening("usr_3") as four:
            for listener in (three, four):
                await listener.next()
            assert (await shop.attempt("usr_4")).status_code == 503
    await shop.open_streams(0)
    async with shop.listening() as again:
        await again.next()


async def test_a_stream_ends_when_its_token_does(shop: Processes, tokens: EveryToken) -> None:
    async with shop.listening("usr_1:customer") as mine, shop.listening("usr_2") as other:
        for listener in (mine, other):
            await listener.next()
        tokens.revoked.add("usr_1:customer")
        assert await mine.rest() == []
        await shop.open_streams(1)
    assert (await shop.attempt("usr_1:customer")).status_code == 401


async def test_streams_end_when_the_process_stops(shop: Processes, streams: Streams) -> None:
    async with shop.listening() as listener:
        await listener.next()
        streams.stopping.set()
        assert await listener.rest() == []


async def test_a_reader_who_does_not_read_is_cut_off(
    shop: Processes, transact: Transact, streams: Streams
) -> None:
    host, _, port = shop.urls[0].removeprefix("http://").partition(":")
    request = b"GET /v1/notifications/stream HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer usr_1\r\n\r\n"

    async def shout(uow: NotifierUnitOfWork) -> None:
        for each in await broadcasts.listed(uow, BOSS, 100, None):
            await broadcasts.withdraw(uow, BOSS, each.id)
        for _ in range(MOST_AT_ONCE - 1):
            await broadcasts.publish(uow, BOSS, Notice("x" * 200, "x" * 2000), secrets.token_hex(8))

    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((host, int(port)))
        deaf.sendall(request)
        await shop.open_streams(1)
        # Buffers of the operating system take some megabytes before anybody has to wait.
        async with asyncio.timeout(60):
            while len(streams.watchers):
                await transact(shout)


async def test_watchers_are_counted_and_let_go() -> None:
    watchers = Watchers(2, 1)
    with watchers.watching("usr_1") as woken:
        with pytest.raises(TooManyStreams), watchers.watching("usr_1"):
            pass
        with watchers.watching("usr_2"):
            with pytest.raises(TooManyWatchers), watchers.watching("usr_3"):
                pass
            watchers.changed("usr_2")
            assert not woken.is_set()
            watchers.changed(None)
            assert woken.is_set()
    assert len(watchers) == 0
