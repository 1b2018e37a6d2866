"""Where the same events meet the same handlers: the test kit, and a real Kafka with a real MongoDB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from shop_events.contracts import Event, Fact
from shop_events.deliveries import Origin
from shop_events.envelope import Message, Received, decode, encode, envelope_for, headers_of
from shop_events.handlers import Handler, Subscriptions
from shop_events.testing import DeadLetter, Kit
from shop_events.testing.kit import letter_of
from shop_events.topics import TOPICS, dead_letters, replay
from tests.events.conftest import GROUP, System, eventually, running


class World(Protocol):
    """What a behaviour is tried in."""

    db: Any

    async def subscribe(self, *handlers: Handler[Any]) -> None:
        """Begin to consume."""

    async def tell(self, *events: Event, sequence: int = 1) -> list[Message]:
        """Let events arrive; the first has ``sequence``, each further one the next."""

    async def put(self, *messages: Message) -> None:
        """Let records arrive as they are."""

    async def until(self, condition: Callable[[], Any], within: timedelta = timedelta(0)) -> Any:
        """Let so much time pass for the handlers; return what the condition found."""

    async def rest(self) -> None:
        """Wait until everything that arrived was taken, and what came of it was published."""

    async def redeliver(self) -> None:
        """Let everything arrive once more."""

    async def replay(self, letter: DeadLetter) -> None:
        """Have a dead letter taken again."""

    async def letters(self) -> list[DeadLetter]:
        """Return the dead letters."""

    async def received(self, topic: str) -> list[Received]:
        """Return what is in a topic."""


class KitWorld:
    """The kit."""

    def __init__(self, conflicts: int = 0) -> None:
        self._conflicts = conflicts
        self._kit: Kit[Any]

    async def subscribe(self, *handlers: Handler[Any]) -> None:
        self._kit = Kit(Subscriptions(GROUP, handlers), conflicts=self._conflicts)
        self.db: Any = self._kit.db

    async def tell(self, *events: Event, sequence: int = 1) -> list[Message]:
        return await self._kit.tell(*events, sequence=sequence)

    async def put(self, *messages: Message) -> None:
        await self._kit.put(*messages)

    async def until(self, condition: Callable[[], Any], within: timedelta = timedelta(0)) -> Any:
        await self._kit.advance(within)
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        assert found
        return found

    async def rest(self) -> None:
        await self._kit.settle()

    async def redeliver(self) -> None:
        await self._kit.redeliver()

    async def replay(self, letter: DeadLetter) -> None:
        await self._kit.replay(letter)

    async def letters(self) -> list[DeadLetter]:
        return self._kit.dead_letters

    async def received(self, topic: str) -> list[Received]:
        return self._kit.received(topic)


class BrokerWorld:
    """A relay and a consumer between a real broker and a real database."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.db: Any = system.db
        self._handlers: tuple[Handler[Any], ...] = ()
        self._running = AsyncExitStack()

    async def subscribe(self, *handlers: Handler[Any]) -> None:
        self._handlers = handlers
        await self._running.enter_async_context(
            running(self._system.relay(), self._system.consumer(*handlers))
        )

    async def stop(self) -> None:
        """Stop relay and consumer."""
        await self._running.aclose()

    async def tell(self, *events: Event, sequence: int = 1) -> list[Message]:
        facts = [Fact(event, sequence + number) for number, event in enumerate(events)]
        messages = [encode(envelope_for(fact, "catalog"), fact.event) for fact in facts]
        await self.put(*messages)
        return messages

    async def put(self, *messages: Message) -> None:
        await self._system.produce(*messages)

    async def until(self, condition: Callable[[], Any], within: timedelta = timedelta(0)) -> Any:
        return await eventually(condition, seconds=20 + within.total_seconds())

    async def rest(self) -> None:
        await eventually(self._rests)

    @property
    def _topics(self) -> set[str]:
        return Subscriptions(GROUP, self._handlers).topics

    @property
    def _places(self) -> list[TopicPartition]:
        named = self._system.kafka.named
        return [TopicPartition(named(t), p) for t in self._topics for p in range(TOPICS[t].partitions)]

    async def _rests(self) -> bool:
        return not await self.db["outbox"].count_documents({}) and not await self._lag()

    async def _lag(self) -> int:
        """Count what the group has not committed, without the markers of transactions."""
        async with self._client() as client:
            committed = {place: await client.committed(place) or 0 for place in self._places}
        found = 0
        for topic in self._topics:
            for record in await self._system.read(topic):
                found += record.offset >= committed[TopicPartition(record.topic, record.partition)]
        return found

    async def redeliver(self) -> None:
        await self.rest()
        await self.stop()
        async with self._client() as client:
            client.assign(self._places)
            await client.commit(dict.fromkeys(self._places, 0))
        await self.subscribe(*self._handlers)
        await self.rest()

    def _client(self) -> Any:
        kafka = self._system.kafka
        group = kafka.named(GROUP)
        return AIOKafkaConsumer(**kafka.connection(), group_id=group, enable_auto_commit=False)

    async def replay(self, letter: DeadLetter) -> None:
        message = letter.message
        await self.put(Message(replay(GROUP), message.key, message.headers, message.value))

    async def letters(self) -> list[DeadLetter]:
        letters = [letter_of(record) for record in await self._system.read(dead_letters(GROUP))]
        assert all(isinstance(letter.origin, Origin) for letter in letters)
        return letters

    async def received(self, topic: str) -> list[Received]:
        return [
            decode(Message(topic, record.key.decode(), headers_of(record.headers), record.value))
            for record in await self._system.read(topic)
        ]
