"""The kit: one consumer group, its topics, database and clock, in memory and in the hands of the test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar, cast

from aiokafka import ConsumerRecord

from shop_events import clock, dead_letters, topics
from shop_events.contracts.base import Event, Fact
from shop_events.deliveries import Origin, read
from shop_events.envelope import Message, Received, decode, encode, envelope_for
from shop_events.handlers import Subscriptions
from shop_events.kafka import KafkaSettings
from shop_events.outbox import OUTBOX, message_of
from shop_events.parking import PARKED
from shop_events.retrier import Retrier
from shop_events.settling import Settler
from shop_events.testing.store import MemoryDatabase
from shop_events.unit_of_work import Factory, Transactor, UnitOfWork

_BATCH = 100
_KAFKA = KafkaSettings()

E = TypeVar("E", bound=Event)
U = TypeVar("U", bound=UnitOfWork)


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that waits: the head of its key, or one behind it (``due_at`` None)."""

    event_id: str
    key: str
    tries: int
    reason: str | None
    due_at: datetime | None
    given_up: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up on, as it came, with what is noted about it."""

    message: Message
    event_id: str
    origin: Origin
    reason: str
    tries: int


class Kit(Generic[U]):
    """Feeds events to the handlers of ``subscriptions`` and shows what came of them.

    Args:
        subscriptions: the group's handlers, as its consumer gets them.
        unit_of_work: makes what the handlers work with, from ``(db, session)``: the service's own class if
            its repositories are content with :class:`MemoryDatabase`, else one with repositories for tests.
        state: objects that such repositories write to; put back when a transaction is undone.
        conflicts: so often each transaction is undone and run again, as MongoDB asks when two meet. A handler
            that does something besides the unit of work does it once more.
        at: what time it is at the start.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        unit_of_work: Factory[U] | None = None,
        *,
        state: Sequence[object] = (),
        conflicts: int = 0,
        at: datetime | None = None,
    ) -> None:
        self.subscriptions = subscriptions
        self.now = at or datetime.now(UTC)
        self.db = MemoryDatabase(state, conflicts)
        factory = unit_of_work or cast("Factory[U]", partial(UnitOfWork, source=subscriptions.group))
        memory = cast("Any", self.db)
        self.transact: Transactor[U] = Transactor(memory, memory, factory, at_once=1)
        self._retrier = Retrier(memory, self.transact, subscriptions)
        self._settler = Settler(self.transact, subscriptions.group, self._retrier.parked)
        self._records: dict[str, list[ConsumerRecord]] = defaultdict(list)
        self._positions: dict[str, int] = defaultdict(int)

    async def tell(self, *events: Event, sequence: int = 1, source: str = "test") -> list[Message]:
        """Let events arrive from their topics, in one batch, and everything follow that follows at once.

        Args:
            events: what happened.
            sequence: the version of the first event's aggregate; each further event has the next one.
            source: the service that tells.

        Returns:
            The records, to be altered and put again.
        """
        with self._at_work():
            facts = [Fact(event, sequence + number) for number, event in enumerate(events)]
            messages = [encode(envelope_for(fact, source), fact.event) for fact in facts]
        await self.put(*messages)
        return messages

    async def put(self, *messages: Message) -> None:
        """Let records arrive as they are: malformed ones, or earlier ones once more."""
        for message in messages:
            self._append(message)
        await self.settle()

    async def settle(self) -> None:
        """Do what can be done now: publish the outbox, handle what is new, retry what is due."""
        with self._at_work():
            while await self._relay() or await self._consume() or await self._retrier.retry_one():
                self._raise_misuse()
        self._raise_misuse()

    async def advance(self, span: timedelta) -> None:
        """Let time pass, with each retry at its own moment."""
        until = self.now + span
        while (due := await self._next_due()) and due <= until:
            self.now = max(self.now, due)
            await self.settle()
        self.now = until
        await self.settle()

    async def redeliver(self) -> None:
        """Let everything arrive once more, as after a crash before the offsets were committed."""
        self._positions.clear()
        await self.settle()

    async def replay(self, letter: DeadLetter) -> None:
        """Ask the group to take a dead letter again, as an operator does."""
        message = letter.message
        await self.put(
            Message(topics.replay(self.subscriptions.group), message.key, message.headers, message.value)
        )

    def published(self, contract: type[E]) -> list[E]:
        """Return the events of a type that were published, oldest first."""
        return [found.event for found in self.received(contract.topic) if isinstance(found.event, contract)]

    def received(self, topic: str) -> list[Received]:
        """Return what a reader of ``topic`` gets, with envelopes. Raises MalformedEvent."""
        return [decode(_message(record)) for record in self._records[topic]]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What the group gave up on, oldest first."""
        return [letter_of(record) for record in self._records[topics.dead_letters(self.subscriptions.group)]]

    async def parked(self) -> list[Parked]:
        """Return the events that wait, by key and in the order in which they will be handled."""
        rows = self.db[PARKED].find().sort([("order_key", 1), ("order", 1)])
        return [_parked(row) async for row in rows]

    def _append(self, message: Message) -> None:
        records = self._records[message.topic]
        records.append(_record(message, len(records), self.now))

    async def _relay(self) -> bool:
        rows = await self.db[OUTBOX].find().to_list()
        for row in rows:
            self._append(message_of(row))
        await self.db[OUTBOX].delete_many({})
        return bool(rows)

    async def _consume(self) -> bool:
        for topic in sorted(self.subscriptions.topics):
            first = self._positions[topic]
            if records := self._records[topic][first : first + _BATCH]:
                await self._settler.settle(read(records, self.subscriptions, _KAFKA))
                self._positions[topic] += len(records)
                return True
        return False

    async def _next_due(self) -> datetime | None:
        due = [row.due_at for row in await self.parked() if row.due_at]
        return min(due, default=None)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with clock.use_clock(lambda: self.now):
            yield

    def _raise_misuse(self) -> None:
        if error := self.db.misuse:
            self.db.misuse = None
            raise error


def _record(message: Message, offset: int, at: datetime) -> ConsumerRecord:
    return ConsumerRecord(
        topic=message.topic,
        partition=0,
        offset=offset,
        timestamp=int(at.timestamp() * 1000),
        timestamp_type=0,
        key=message.key.encode(),
        value=message.value,
        checksum=None,
        serialized_key_size=len(message.key),
        serialized_value_size=len(message.value or b""),
        headers=tuple((name, value.encode()) for name, value in message.headers.items()),
    )


def _message(record: ConsumerRecord) -> Message:
    headers = {name: value.decode() for name, value in record.headers}
    return Message(record.topic, (record.key or b"").decode(), headers, record.value)


def letter_of(record: ConsumerRecord) -> DeadLetter:
    """Read a record of a dead-letter topic."""
    message = _message(record)
    notes = message.headers
    topic, partition, offset = (
        notes[name]
        for name in (dead_letters.ORIGIN_TOPIC, dead_letters.ORIGIN_PARTITION, dead_letters.ORIGIN_OFFSET)
    )
    return DeadLetter(
        message=message,
        event_id=notes.get("ce_id", ""),
        origin=Origin(topic, int(partition), int(offset)),
        reason=notes[dead_letters.REASON],
        tries=int(notes[dead_letters.TRIES]),
    )


def _parked(row: dict[str, Any]) -> Parked:
    return Parked(
        event_id=row["_id"],
        key=row["key"],
        tries=row.get("tries", 0),
        reason=row.get("reason"),
        due_at=row.get("due_at"),
        given_up=row.get("given_up", False),
    )
