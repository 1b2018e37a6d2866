"""What operators do: dead letters, replays, parked events, lag, against a real Kafka and a real MongoDB."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced

from shop_events.contracts.catalog import OrderPaid
from shop_events.envelope import Message
from shop_events.errors import NotYet
from shop_events.handlers import on
from shop_events.operations import parked as waiting
from shop_events.operations.lag import lags
from shop_events.operations.letters import Letter, Outcome, Which, letters, settle
from shop_events.operations.masking import MASK, masked, shown
from shop_events.operations.records import Extent, Filter, UnknownTopic, follow, read
from shop_events.operations.replays import NotAReader, Part, assert_reader, replay_to
from shop_events.operations.sending import Pace
from shop_events.topics import dead_letters, replay
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import GROUP, System, eventually, paid, running

ORDERS = "catalog.orders.v1"
FAST = 100_000.0


@on(OrderPaid, effect="receipt:{order_id}")
async def receipt(uow: UnitOfWork, event: OrderPaid) -> None:
    await uow.db["receipts"].insert_one({"order": event.order_id}, session=uow.session)


@on(OrderPaid, effect="receipt:{order_id}", patience=timedelta())
async def poisoned(uow: UnitOfWork, event: OrderPaid) -> None:
    """The same effect before it was mended."""
    raise ValueError(event.user_id)


@on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(hours=1))
async def patient(uow: UnitOfWork, event: OrderPaid) -> None:
    if await uow.db["users"].find_one({"_id": event.user_id}, session=uow.session) is None:
        raise NotYet("user")
    await uow.db["receipts"].insert_one({"order": event.order_id}, session=uow.session)


async def listed(system: System, which: Which | None = None) -> list[Letter]:
    return [letter async for letter in letters(system.kafka, GROUP, which or Which())]


async def decided(system: System, which: Which, outcome: Outcome) -> list[str]:
    done = settle(system.kafka, GROUP, which, outcome, Pace(FAST))
    return [letter.record.event_id async for letter in done]


async def receipts(system: System) -> list[str]:
    return sorted([row["order"] async for row in system.db["receipts"].find()])


async def given_up(system: System, *orders: str) -> list[Message]:
    """Have the group give up on the payment of orders, which the relay publishes."""
    messages = await system.tell(*map(paid, orders))
    async with running(system.relay(), system.consumer(poisoned)):
        await eventually(lambda: _letters(system, len(orders)))
    return messages


async def _letters(system: System, count: int) -> bool:
    return len(await listed(system)) == count


async def test_a_poisoned_event_is_replayed_under_its_own_id_and_handled_once(system: System) -> None:
    [message] = await given_up(system, "ord_1")
    [letter] = await listed(system)
    assert letter.record.event_id == message.headers["ce_id"]
    assert (letter.origin, letter.reason, letter.record.key) == (ORDERS, "ValueError", "ord_1")
    assert letter.as_json()["data"]["order_id"] == "ord_1"

    async with running(system.relay(), system.consumer(receipt)):
        assert await decided(system, Which(), Outcome.REPLAYED) == [message.headers["ce_id"]]
        await eventually(lambda: _count(system, 1))
        assert await listed(system) == []
        assert await decided(system, Which(), Outcome.REPLAYED) == []
        await system.tell(paid("ord_2"))
        await eventually(lambda: _count(system, 2))
    assert await receipts(system) == ["ord_1", "ord_2"]
    [again] = await system.read(replay(GROUP))
    assert dict(again.headers)["ce_id"].decode() == message.headers["ce_id"]


async def _count(system: System, count: int) -> bool:
    return len(await receipts(system)) >= count


async def test_a_letter_replayed_twice_has_one_effect(system: System) -> None:
    await given_up(system, "ord_1")
    await decided(system, Which(), Outcome.REPLAYED)
    [record] = await system.read(replay(GROUP))
    headers = {name: value.decode() for name, value in record.headers}
    await system.produce(Message(replay(GROUP), "ord_1", headers, record.value))
    async with running(system.consumer(receipt)):
        await system.tell(paid("ord_2"))
        await eventually(lambda: _count(system, 2))
        await eventually(lambda: caught_up(system))
    assert await receipts(system) == ["ord_1", "ord_2"]


async def caught_up(system: System) -> bool:
    found = await lags(system.kafka, [GROUP])
    return bool(found) and not any(lag.waiting for lag in found)


async def test_what_fails_again_is_a_new_letter(system: System) -> None:
    await given_up(system, "ord_1")
    async with running(system.relay(), system.consumer(poisoned)):
        await decided(system, Which(), Outcome.REPLAYED)
        await eventually(lambda: _letters(system, 1))
    assert [letter.settled for letter in await listed(system, Which(settled=True))] == [
        Outcome.REPLAYED,
        None,
    ]


async def test_a_dropped_letter_is_listed_no_more_and_not_replayed(system: System) -> None:
    first, second = await given_up(system, "ord_1", "ord_2")
    await decided(system, Which(event_id=first.headers["ce_id"]), Outcome.DROPPED)
    assert [letter.record.key for letter in await listed(system)] == ["ord_2"]
    assert await decided(system, Which(), Outcome.REPLAYED) == [second.headers["ce_id"]]
    settled = {letter.record.key: letter.settled for letter in await listed(system, Which(settled=True))}
    assert settled == {"ord_1": Outcome.DROPPED, "ord_2": Outcome.REPLAYED}
    assert len(await system.read(replay(GROUP))) == 1


@pytest.mark.parametrize(
    ("which", "count"),
    [
        (Which(event_type="catalog.order.paid.v1"), 2),
        (Which(event_type="catalog.order.placed.v1"), 0),
        (Which(reason="valueerror"), 2),
        (Which(reason="timeout"), 0),
        (Which(event_id="nobody"), 0),
        (Which(since=datetime(2020, 1, 1, tzinfo=UTC)), 2),
        (Which(since=datetime(2100, 1, 1, tzinfo=UTC)), 0),
    ],
)
async def test_letters_are_chosen_by_what_they_say(system: System, which: Which, count: int) -> None:
    notes = {"dl_topic": ORDERS, "dl_reason": "ValueError", "dl_tries": "3", "dl_group": GROUP}
    for order in ("ord_1", "ord_2"):
        [message] = await system.tell(paid(order))
        letter = Message(dead_letters(GROUP), order, {**message.headers, **notes}, message.value)
        await system.produce(letter)
    assert len(await listed(system, which)) == count


async def test_whoever_begins_later_has_the_desk_alone(system: System) -> None:
    for order in ("ord_1", "ord_2", "ord_3"):
        await system.produce(Message(dead_letters(GROUP), order, {"ce_id": order}, b"{}"))
    slow = settle(system.kafka, GROUP, Which(), Outcome.REPLAYED, Pace(FAST / 100_000))
    assert (await anext(slow)).record.key == "ord_1"
    assert await decided(system, Which(), Outcome.REPLAYED) == ["ord_2", "ord_3"]
    with pytest.raises(ProducerFenced):
        await anext(slow)
    assert [record.key for record in await system.read(replay(GROUP))] == [b"ord_1", b"ord_2", b"ord_3"]


async def test_a_part_of_a_topic_goes_to_one_group_again(system: System) -> None:
    messages = await system.tell(*(paid(f"ord_{number}") for number in range(6)))
    async with running(system.consumer(receipt)):
        await eventually(lambda: _count(system, 6))
        await system.db["inbox"].delete_many({"_id": {"$in": ["receipt:ord_1", "receipt:ord_2"]}})
        part = Part(ORDERS, wanted=Filter(key="ord_1"))
        sent = [each.event_id async for each in replay_to(system.kafka, GROUP, part, Pace(FAST))]
        assert sent == [messages[1].headers["ce_id"]]
        await eventually(lambda: _count(system, 7))
        [again] = await system.read(replay(GROUP))
        notes = {name: value.decode() for name, value in again.headers if name.startswith("dl_")}
        [record] = [each async for each in read(system.kafka, ORDERS) if each.key == "ord_1"]
        origin = (ORDERS, str(record.partition), str(record.offset))
        assert (notes["dl_topic"], notes["dl_partition"], notes["dl_offset"]) == origin, (
            "order holds by origin"
        )
        everything = Part(ORDERS, Extent(until=datetime.now(UTC) + timedelta(minutes=1)))
        assert len([each async for each in replay_to(system.kafka, GROUP, everything, Pace(FAST))]) == 6
        await eventually(lambda: _count(system, 8))
        await eventually(lambda: caught_up(system))
    assert await receipts(system) == sorted([f"ord_{number}" for number in range(6)] + ["ord_1", "ord_2"])


def test_only_a_reader_of_a_topic_is_given_it_again() -> None:
    assert_reader("notifier", ORDERS)
    for group, topic in (("identity", ORDERS), ("notifier", "nothing"), ("operators", ORDERS)):
        with pytest.raises(NotAReader):
            assert_reader(group, topic)


async def test_a_topic_is_read_by_offsets_and_by_times(system: System) -> None:
    for number in range(5):
        await system.tell(paid("ord_1", amount=number))
        await asyncio.sleep(0.005)  # records of one millisecond cannot be told apart by time
    whole = [each async for each in read(system.kafka, ORDERS)]
    partition = whole[0].partition
    assert [each.offset for each in whole] == [0, 1, 2, 3, 4]

    async def offsets(**extent: Any) -> list[int]:
        return [each.offset async for each in read(system.kafka, ORDERS, Extent(**extent))]

    assert await offsets(from_offset=1, until_offset=3) == [1, 2]
    assert await offsets(since=whole[2].at) == [2, 3, 4]
    assert await offsets(until=whole[2].at) == [0, 1]
    assert await offsets(since=whole[1].at, until=whole[4].at) == [1, 2, 3]
    assert await offsets(since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert await offsets(partition=partition) == [0, 1, 2, 3, 4]
    assert await offsets(partition=(partition + 1) % 6) == []
    with pytest.raises(UnknownTopic):
        await anext(read(system.kafka, "catalog.nothing.v1"))


async def test_following_goes_on_with_what_comes(system: System) -> None:
    await system.tell(paid("ord_1"))
    records = follow(system.kafka, ORDERS, datetime.fromtimestamp(0, UTC))
    assert (await anext(records)).key == "ord_1"
    waiting = asyncio.ensure_future(anext(records))
    await system.tell(paid("ord_2"))
    assert (await asyncio.wait_for(waiting, 20)).key == "ord_2"
    await records.aclose()  # type: ignore[attr-defined]


async def test_lag_counts_what_waits_and_how_long(system: System) -> None:
    await system.tell(paid("ord_1"))
    async with running(system.consumer(receipt)):
        await eventually(lambda: _count(system, 1))
        await eventually(lambda: caught_up(system))
    await system.tell(paid("ord_1"), paid("ord_1"))
    [behind] = [lag for lag in await lags(system.kafka, None) if lag.waiting]
    assert (behind.group, behind.topic, behind.waiting) == (GROUP, ORDERS, 2)
    assert behind.age_seconds is not None
    assert behind.age_seconds < 60


async def test_what_only_marks_transactions_is_no_lag(system: System) -> None:
    from shop_events.contracts import Fact

    await system.publish(Fact(paid("ord_1"), 1))
    async with running(system.relay(), system.consumer(receipt)):
        await eventually(lambda: _count(system, 1))
        await eventually(lambda: caught_up(system))
    [orders] = [lag for lag in await lags(system.kafka, [GROUP]) if lag.topic == ORDERS]
    assert orders.age_seconds is None


async def test_a_parked_event_is_listed_and_tried_when_asked(system: System) -> None:
    first, _ = await system.tell(paid("ord_1"), paid("ord_1"))
    async with running(system.consumer(patient)):
        await eventually(lambda: _parked(system, 2))
        [head] = [each async for each in waiting.heads(system.db, None, 10)]
        assert (head.event_id, head.key, head.behind) == (first.headers["ce_id"], "ord_1", 1)
        assert head.reason == "NotYet: user"
        about = await waiting.one(system.db, head.event_id, reveal=False)
        assert about is not None
        assert about["data"]["order_id"] == "ord_1"

        far = datetime.now(UTC) + timedelta(hours=1)
        await eventually(lambda: _postponed(system, head.event_id, far))
        await system.db["users"].insert_one({"_id": "usr_1"})
        assert await waiting.retry(system.db, head.event_id)
        await eventually(lambda: _parked(system, 0))
    assert await receipts(system) == ["ord_1"]
    assert not await waiting.retry(system.db, head.event_id)


async def _parked(system: System, count: int) -> bool:
    return await system.db["parked"].count_documents({}) == count


async def _postponed(system: System, event_id: str, until: datetime) -> bool:
    """Put a head off for so long that only an operator brings it back."""
    await system.db["parked"].update_one({"_id": event_id}, {"$set": {"due_at": until}})
    row = await system.db["parked"].find_one({"_id": event_id})
    return row is not None and row["due_at"] > datetime.now(UTC) + timedelta(minutes=50)


async def test_a_head_that_was_given_up_on_and_holds_its_key_can_be_tried_again(system: System) -> None:
    @on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(), hold_key=True)
    async def holding(uow: UnitOfWork, event: OrderPaid) -> None:
        raise ValueError

    [message] = await system.tell(paid("ord_1"))
    async with running(system.consumer(holding)):
        await eventually(lambda: _held(system))
    [head] = [each async for each in waiting.heads(system.db, "catalog.order.paid.v1", 10)]
    assert head.due_at is None
    async with running(system.consumer(receipt)):
        assert await waiting.retry(system.db, message.headers["ce_id"])
        await eventually(lambda: _parked(system, 0))
    assert await receipts(system) == ["ord_1"]


async def _held(system: System) -> bool:
    return await system.db["parked"].count_documents({"given_up": True}) == 1


def test_a_value_of_a_closed_topic_is_masked_whatever_it_is() -> None:
    value = (
        b'{"user_id": "usr_1", "points": [{"address": "a@b.example", "verified": true}], "x@y.example": 1}'
    )
    hidden = {"user_id": MASK, "points": [{"address": MASK, "verified": True}], MASK: MASK}
    assert shown(value, "identity.contacts.v1", reveal=False) == hidden
    assert shown(value, "identity.contacts.v1", reveal=True)["user_id"] == "usr_1"
    assert shown(value, "identity.links.v1", reveal=True) == hidden, "secrets are never shown"
    assert shown(value, "some.other.topic", reveal=False) == hidden
    assert shown(value, ORDERS, reveal=False)["user_id"] == "usr_1"
    assert shown(b"no json: a@b.example", "identity.contacts.v1", reveal=False) == MASK
    assert shown(None, "identity.contacts.v1", reveal=False) is None
    assert masked(5) == MASK


async def test_a_dead_letter_of_personal_data_is_shown_masked(system: System) -> None:
    headers = {"ce_type": "identity.contact.changed.v1", "ce_id": "1", "dl_topic": "identity.contacts.v1"}
    await system.produce(Message(dead_letters(GROUP), "usr_1", headers, b'{"name": "Zoe"}'))
    [letter] = await listed(system)
    assert letter.as_json()["data"] == {"name": MASK}
    assert letter.as_json(reveal=True)["data"] == {"name": "Zoe"}


async def test_a_pace_is_kept() -> None:
    pace, began = Pace(per_second=200), asyncio.get_running_loop().time()
    for _ in range(4):
        await pace.passed(pace.at_once)
    assert asyncio.get_running_loop().time() - began >= (4 * pace.at_once) / 200 - 0.11
    assert Pace(1).at_once == 1
    assert Pace(100_000).at_once == 100
