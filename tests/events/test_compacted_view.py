"""State topics held in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from aiokafka import AIOKafkaConsumer

from shop_events.compacted_view import CompactedView
from shop_events.contracts import Fact
from shop_events.contracts.identity import SigningKeyPublished, SigningKeyRetired
from shop_events.tail import Tail
from tests.events.conftest import System, eventually, running


def key(kid: str, x: str = "x") -> SigningKeyPublished:
    return SigningKeyPublished(kid=kid, x=x, published_at=datetime.now(UTC))


async def test_a_view_is_caught_up_with_everything_published_before_it_started(system: System) -> None:
    await system.publish(Fact(key("a"), 1), Fact(key("b"), 1))
    await system.publish(Fact(key("a", "newer"), 2), Fact(SigningKeyRetired(kid="b"), 2))
    view = CompactedView(system.kafka, SigningKeyPublished)
    async with running(system.relay()):
        await eventually(lambda: _drained(system))
        async with running(view):
            await eventually(view.caught_up.is_set)
            newest = view.get("a")
            assert newest is not None
            assert newest.x == "newer"
            assert view.get("b") is None
            await system.publish(Fact(key("c"), 1))
            await eventually(lambda: view.get("c"))


async def test_a_view_of_an_empty_topic_is_caught_up(system: System) -> None:
    view = CompactedView(system.kafka, SigningKeyPublished)
    async with running(view):
        await eventually(view.caught_up.is_set)
    assert len(view) == 0


async def test_older_news_and_unreadable_records_change_nothing(system: System) -> None:
    view = CompactedView(system.kafka, SigningKeyPublished)
    async with running(view):
        await system.tell(key("a", "new"), sequence=5)
        await eventually(lambda: view.get("a"))
        [message] = await system.tell(key("a", "old"), sequence=3)
        await system.produce(type(message)(message.topic, "a", {}, b"junk"))
        await system.tell(key("z"))
        await eventually(lambda: view.get("z"))
        kept = view.get("a")
        assert kept is not None
        assert kept.x == "new"


class Remembered(AIOKafkaConsumer):  # type: ignore[misc]
    """Clients that a test can find, and let fall silent."""

    made: ClassVar[list[Any]] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.made.append(self)
        self.dumb, self.silent = False, asyncio.Event()

    async def getmany(self, *places: Any, **options: Any) -> Any:
        if not self.dumb:
            return await super().getmany(*places, **options)
        self.silent.set()
        await asyncio.sleep(0.05)
        return {}


@pytest.mark.parametrize("kind", ["view", "tail"])
async def test_a_client_that_brings_nothing_any_more_is_built_anew(
    system: System, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("shop_events.consuming.AIOKafkaConsumer", Remembered)
    monkeypatch.setattr(Remembered, "made", [])
    found: list[str] = []
    reader: Any = (
        CompactedView(system.kafka, SigningKeyPublished, found.append, stuck_after=0.5)
        if kind == "view"
        else Tail(
            system.kafka,
            SigningKeyPublished.topic,
            lambda received, _: found.append(received.event.key),
            timedelta(hours=1),
            stuck_after=0.5,
        )
    )
    async with running(reader):
        await system.tell(key("a"))
        await eventually(lambda: found == ["a"])
        silenced = list(Remembered.made)  # a machine that halts for long makes it more than one
        for client in silenced:
            client.dumb = True
        await eventually(lambda: silenced[-1].silent.is_set() or Remembered.made[-1] is not silenced[-1])
        await system.tell(key("b"))
        await eventually(lambda: found == ["a", "b"])
        assert reader.caught_up.is_set()
    assert Remembered.made[-1] is not silenced[-1]


class Interrupted(AIOKafkaConsumer):  # type: ignore[misc]
    """Clients that learn where to begin just before something else is published."""

    then: ClassVar[Callable[[], Awaitable[object]] | None] = None

    async def offsets_for_times(self, *args: Any) -> Any:
        found = await super().offsets_for_times(*args)
        if self.then is not None:
            await type(self).then()
        return found


async def test_a_tail_misses_nothing_that_is_published_while_it_looks_where_to_begin(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop_events.consuming.AIOKafkaConsumer", Interrupted)
    monkeypatch.setattr(Interrupted, "then", lambda: system.tell(key("a")))
    found: list[str] = []
    tail = Tail(
        system.kafka,
        SigningKeyPublished.topic,
        lambda received, _: found.append(received.event.key),
        timedelta(hours=1),
    )
    async with running(tail):
        await eventually(lambda: found == ["a"])


async def _drained(system: System) -> bool:
    return await system.db["outbox"].count_documents({}) == 0
