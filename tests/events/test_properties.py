"""Whatever comes in whatever order: only what is done is committed, nothing is lost, keys keep order."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shop_events import parking
from shop_events.batch_handling import BatchHandler
from shop_events.bisection import FailedAt, settle
from shop_events.contracts import Fact
from shop_events.contracts.catalog import ProductChanged
from shop_events.envelope import encode, envelope_for
from shop_events.handlers import Subscriptions, on
from shop_events.inbox import INBOX
from shop_events.partitions import Buffers, Watermarks, place_of
from shop_events.retrier import Retrier
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import GROUP, System, product

PARTITIONS = [TopicPartition("t", number) for number in range(3)]


def record(
    place: TopicPartition, offset: int, value: bytes = b"", headers: Any = (), key: bytes = b""
) -> Any:
    return ConsumerRecord(
        place.topic, place.partition, offset, 0, 0, key, value, None, len(key), len(value), tuple(headers)
    )


class Consuming(RuleBasedStateMachine):
    """Fetching, handling by several hands, committing and rebalancing, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.buffers, self.watermarks = Buffers(high=6, low=2), Watermarks()
        self.position = dict.fromkeys(PARTITIONS, 0)
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.done: dict[TopicPartition, set[int]] = defaultdict(set)
        self.hands: list[tuple[int, list[ConsumerRecord]]] = []
        self.generation = 0

    @rule(place=st.sampled_from(PARTITIONS), count=st.integers(1, 5), gap=st.integers(0, 2))
    def fetch(self, place: TopicPartition, count: int, gap: int) -> None:
        """Compaction and transaction markers leave gaps."""
        if place in self.buffers.full():
            return
        start = self.position[place] + gap
        for skipped in range(self.position[place], start):
            self.done[place].add(skipped)
        self.buffers.add({place: [record(place, start + n) for n in range(count)]})
        self.position[place] = start + count

    @precondition(lambda self: len(self.hands) < 3)
    @rule(most=st.integers(1, 7))
    def take(self, most: int) -> None:
        taken = self.buffers.take(most)
        assert len(taken) <= most
        if taken:
            self.hands.append((self.generation, taken))

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def finish(self, data: Any) -> None:
        generation, records = self.hands.pop(data.draw(st.integers(0, len(self.hands) - 1)))
        for each in records:
            self.done[place_of(each)].add(each.offset)
        if generation == self.generation:
            self.watermarks.done(records)
        self.buffers.put_down(records)

    @rule()
    def commit(self) -> None:
        self.committed |= self.watermarks.take(PARTITIONS)

    @rule()
    def rebalance(self) -> None:
        self.buffers.clear()
        self.watermarks.clear()
        self.generation += 1
        self.position = dict(self.committed)

    @invariant()
    def nothing_is_committed_that_is_not_done(self) -> None:
        for place, offset in self.committed.items():
            assert set(range(offset)) <= self.done[place]

    @invariant()
    def a_partition_is_in_one_hand_and_in_order(self) -> None:
        held = [{place_of(each) for each in records} for _, records in self.hands]
        assert sum(map(len, held)) == len(set().union(*held))
        for _, records in self.hands:
            for place in PARTITIONS:
                offsets = [each.offset for each in records if place_of(each) == place]
                assert offsets == sorted(offsets)


TestConsuming = Consuming.TestCase
TestConsuming.settings = settings(deadline=None, max_examples=60)


def test_a_busy_partition_does_not_keep_the_others_waiting() -> None:
    buffers = Buffers()
    buffers.add({PARTITIONS[0]: [record(PARTITIONS[0], n) for n in range(300)]})
    buffers.add({PARTITIONS[1]: [record(PARTITIONS[1], n) for n in range(2)]})
    first, second = buffers.take(100), buffers.take(100)
    assert {place_of(each) for each in first} == {PARTITIONS[0]}
    assert {place_of(each) for each in second} == {PARTITIONS[1]}


class Nobody(Exception):
    """A failure that is no item's fault."""


@given(
    items=st.lists(st.sampled_from(["good", "raises", "spoils"]), max_size=40),
    outage=st.none() | st.integers(0, 30),
)
def test_every_item_is_done_or_set_aside_once_and_in_order(items: list[str], outage: int | None) -> None:
    """``raises`` names itself as the one at fault; ``spoils`` fails a whole attempt without saying who."""
    ended: list[tuple[int, str]] = []
    attempts = itertools.count()

    async def attempt(part: Sequence[tuple[int, str]]) -> None:
        if next(attempts) == outage:
            raise Nobody
        for index, (_, kind) in enumerate(part):
            if kind == "raises":
                raise FailedAt(index, ValueError())
        if any(kind == "spoils" for _, kind in part):
            raise ValueError
        ended.extend((number, "done") for number, _ in part)

    async def set_aside(item: tuple[int, str], error: Exception) -> None:
        assert isinstance(error, ValueError)
        ended.append((item[0], "aside"))

    numbered = list(enumerate(items))
    try:
        asyncio.run(settle(numbered, attempt, set_aside, lambda error: isinstance(error, Nobody)))
    except Nobody:
        assert ended == [(n, "done" if kind == "good" else "aside") for n, kind in numbered][: len(ended)]
    else:
        assert ended == [(n, "done" if kind == "good" else "aside") for n, kind in numbered]
        bad = sum(kind != "good" for kind in items)
        assert next(attempts) <= 1 + bad * (2 + 2 * max(len(items), 1).bit_length())


@given(tries=st.integers(0, 10_000))
def test_pauses_between_tries_grow_up_to_a_bound(tries: int) -> None:
    assert parking.pause_after(tries) <= parking.pause_after(tries + 1) <= timedelta(minutes=1)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_through_parking_each_key_keeps_its_order_and_nothing_is_lost_or_doubled(
    system: System, data: Any
) -> None:
    """Random failures, random batches, a redelivery of what was handled before: as after a crash."""
    events = data.draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=15))
    handled: dict[str, list[int]] = defaultdict(list)
    for name in ("parked", INBOX):
        await system.db[name].delete_many({})
    left = dict(enumerate(fails for _, fails in events))

    @on(ProductChanged, effect="e:{title}")
    async def handler(uow: UnitOfWork, event: ProductChanged) -> None:
        number = int(event.title)
        if left[number]:
            left[number] -= 1
            raise ValueError
        uow.on_commit.append(lambda: handled[event.product_id].append(number))

    subscriptions = Subscriptions(GROUP, [handler])
    retrier = Retrier(system.db, system.transact, subscriptions)
    batches = BatchHandler(system.transact, system.kafka, subscriptions, retrier.parked)
    records = [_published(system, key, number) for number, (key, _) in enumerate(events)]
    start = 0
    while start < len(records):
        size = data.draw(st.integers(1, 6))
        await batches.handle(records[start : start + size])
        if data.draw(st.booleans()):
            await batches.handle(records[max(start - 2, 0) : start + size])
        if data.draw(st.booleans()):
            await _retry_due(system, retrier)
        start += size
    while await system.db["parked"].count_documents({}):
        await _retry_due(system, retrier)
    expected: dict[str, list[int]] = defaultdict(list)
    for number, (key, _) in enumerate(events):
        expected[key].append(number)
    assert handled == expected


def _published(system: System, key: str, number: int) -> ConsumerRecord:
    event = product(key, str(number))
    message = encode(envelope_for(Fact(event, number + 1), "catalog", f"event-{number}"), event)
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    place = TopicPartition(system.kafka.named(event.topic), 0)
    return record(place, number, message.value or b"", headers, key.encode())


async def _retry_due(system: System, retrier: Retrier) -> None:
    """Let time pass: whatever waits for its next try is due now."""
    await system.db["parked"].update_many(
        {"due_at": {"$exists": True}}, {"$set": {"due_at": datetime.now(UTC)}}
    )
    await retrier._round()
