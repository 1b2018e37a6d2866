"""Counts are exact: whatever is cut off, sent again, read again or broken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import ConnectionFailure

from shop_analytics.application.counting import Counting
from shop_analytics.consumers import catalog
from shop_analytics.jobs import attention
from shop_analytics.main import activity_of
from shop_analytics.settings import AnalyticsSettings
from shop_analytics.store.attention import Attention
from shop_analytics.store.pairs import Pairs
from shop_analytics.store.positions import POSITIONS, Positions, begin
from shop_analytics.store.schema import drop_read_models
from shop_analytics.store.states import States
from shop_analytics.store.tallies import Days, Tallies
from shop_events.contracts import Event
from shop_events.contracts.catalog import ProductDeleted
from shop_events.contracts.session import RecommendationClicked, RecommendationShown, SessionStarted
from shop_events.dead_letters import ORIGIN_OFFSET, ORIGIN_TOPIC, REASON
from shop_events.envelope import Message
from shop_events.outbox import OUTBOX
from shop_events.topics import dead_letters, replay
from tests.analytics.conftest import (
    NOON,
    Database,
    Log,
    Streams,
    declined,
    engaged,
    hear,
    list_products,
    message,
    paid,
    product,
    view,
)

pytestmark = pytest.mark.integration


@pytest.fixture
async def streams(streams: Streams) -> Streams:
    """Catalog has told of all products but those that a test makes up."""
    await list_products(streams, *(f"prd_{number}" for number in range(7)), "prd_\x00", *"abc")
    return streams


def day_of_shopping() -> list[Event]:
    """Some visitors, each looking at some products and buying some."""
    events: list[Event] = []
    for visitor in range(12):
        name = f"vis_{visitor}"
        events.append(SessionStarted(visitor_id=name, at=NOON))
        for step in range(6):
            at = NOON + timedelta(minutes=visitor, seconds=step * 20)
            page = view(name, f"prd_{(visitor * step) % 7}", at, user_id=f"usr_{visitor}")
            events += [page, engaged(page, 1000), engaged(page, 4000, 8)]
        products = [f"prd_{visitor % 3}", f"prd_{visitor % 4 + 1}", "prd_5"]
        events.append(paid(f"ord_{visitor}", f"usr_{visitor}", *dict.fromkeys(products)))
    return events


async def test_views_and_time_and_purchases_are_counted_exactly(streams: Streams) -> None:
    page, other = view("vis_1", "prd_1"), view("vis_2", "prd_1")
    shown = RecommendationShown(visitor_id="vis_1", placement="home", product_ids=("a", "b"), at=NOON)
    clicked = RecommendationClicked(visitor_id="vis_1", placement="home", product_id="a", at=NOON)
    log = Log()
    log.append(page, engaged(page, 1500), engaged(page, 9000), engaged(page, 7000), other, view("vis_2"))
    log.append(paid("ord_1", "usr_1", "prd_1", "prd_2"), SessionStarted(visitor_id="vis_1", at=NOON))
    log.append(shown, clicked)
    await streams.take(log.records)
    totals = await streams.transact.read(lambda uow: uow.days.sum())
    assert totals == {
        "views": 3,
        "engaged_ms": 9000,
        "purchases": 1,
        "units": 4,
        "sessions": 1,
        "shown": 2,
        "clicked": 1,
        "co_purchases": 1,
    }
    product = await streams.transact.read(lambda uow: uow.tallies.sums(["prd_1"], ["views"]))
    assert product == {"prd_1": {"views": 2}}
    assert await streams.transact.read(lambda uow: uow.days.sum((NOON + timedelta(days=1)).date())) == (
        dict.fromkeys(totals, 0)
    )


async def test_engaged_time_may_come_before_its_view(streams: Streams) -> None:
    page = view("vis_1", "prd_1")
    log = Log()
    log.append(engaged(page, 2000), page)
    await streams.take(log.records)
    totals = await streams.transact.read(lambda uow: uow.days.sum())
    assert (totals["views"], totals["engaged_ms"]) == (1, 2000)


async def test_what_a_client_sends_again_counts_once(streams: Streams) -> None:
    page = view("vis_1", "prd_1")
    clicked = RecommendationClicked(visitor_id="vis_1", placement="home", product_id="a", at=NOON)
    again = [message(page, "e1"), message(engaged(page, 500), "e2"), message(clicked, "e3")]
    order = message(paid("ord_1", "usr_1", "prd_1"), "e4")
    log = Log()
    for _ in range(3):
        log.append(*again, order)
    await streams.take(log.records, size=5)
    totals = await streams.transact.read(lambda uow: uow.days.sum())
    counted = {name: totals[name] for name in ("views", "engaged_ms", "clicked", "purchases")}
    assert counted == {"views": 1, "engaged_ms": 500, "clicked": 1, "purchases": 1}


async def test_the_size_of_batches_changes_nothing(streams: Streams) -> None:
    log = Log()
    log.append(*day_of_shopping())
    await streams.take(log.records, size=7)
    counted = await streams.counts()
    await drop_read_models(streams.db)
    await streams.take(log.records, size=1000)
    assert_same(await streams.counts(), counted)


async def test_a_range_that_is_read_again_changes_nothing(streams: Streams) -> None:
    log = Log()
    log.append(*day_of_shopping())
    await streams.take(log.records, size=50)
    counted = await streams.counts()
    await streams.take(log.records[30:170], size=11)
    await streams.take(log.records, size=500)
    assert await streams.counts() == counted


async def test_dropped_read_models_come_back_the_same_from_the_topics(streams: Streams) -> None:
    log = Log()
    log.append(*day_of_shopping())
    await streams.take(log.records, size=40)
    counted = await streams.counts()
    told = await streams.db[OUTBOX].count_documents({})
    await drop_read_models(streams.db)
    assert (await streams.counts())["tallies"] == {}
    await streams.take(log.records, size=40)
    assert_same(await streams.counts(), counted)
    assert await streams.db[OUTBOX].count_documents({}) == told


class Crash(BaseException):
    """The end of a process, as far as the work in hand is concerned."""


STEPS: list[tuple[type, str]] = [
    (Positions, "next"),
    (Positions, "advance"),
    (Attention, "load"),
    (Attention, "save"),
    (States, "save"),
    (Counting, "store"),
    (Tallies, "add"),
    (Days, "add"),
    (Pairs, "add"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0].__name__}.{step[1]}")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_between_any_two_steps_leaves_all_or_nothing(
    step: tuple[type, str], when: str, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever raises there, what was done is undone; the next process takes the same range."""
    log = Log()
    log.append(*day_of_shopping()[:80])
    kind, name = step
    real: Callable[..., Awaitable[Any]] = getattr(kind, name)

    async def crash(self: Any, *args: Any, **kwargs: Any) -> None:
        if when == "after":
            await real(self, *args, **kwargs)
        raise Crash

    await begin(streams.db[POSITIONS], {record.place for record in log.records})
    before = await streams.counts()
    monkeypatch.setattr(kind, name, crash)
    with pytest.raises(Crash):
        await streams.batches.handle(log.records)
    monkeypatch.undo()
    assert await streams.counts() == before
    await streams.take(log.records, size=33)
    counted = await streams.counts()
    await drop_read_models(streams.db)
    await streams.take(log.records, size=500)
    assert_same(await streams.counts(), counted)


async def test_a_commit_whose_outcome_nobody_learned_counts_once(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    log.append(*day_of_shopping())
    real = streams.batches._intake.take
    lost = iter([True, False, True, False])

    async def take(uow: Any, records: Any) -> None:
        await real(uow, records)
        if next(lost, False):
            await uow.flush()
            await uow.session.commit_transaction()
            raise ConnectionFailure("the answer was lost")

    monkeypatch.setattr(streams.batches._intake, "take", take)
    await streams.take(log.records, size=60)
    counted = await streams.counts()
    monkeypatch.undo()
    await drop_read_models(streams.db)
    await streams.take(log.records)
    assert_same(await streams.counts(), counted)


async def test_two_owners_of_a_partition_count_it_once(streams: Streams) -> None:
    log = Log(partitions=1)
    log.append(*day_of_shopping())
    await begin(streams.db[POSITIONS], {record.place for record in log.records})
    await asyncio.gather(*(streams.take(log.records, size) for size in (13, 40, 100)))
    counted = await streams.counts()
    await drop_read_models(streams.db)
    await streams.take(log.records)
    assert_same(await streams.counts(), counted)


async def test_what_is_no_event_becomes_a_dead_letter_and_blocks_nothing(streams: Streams) -> None:
    good, other = view("vis_1", "prd_1"), view("vis_1", "prd_2")
    broken = message(good)
    headers = {name: value for name, value in broken.headers.items() if name != "ce_type"}
    log = Log()
    records = log.append(
        good,
        Message(broken.topic, broken.key, broken.headers, b'{"visitor_id": 3}'),
        Message(broken.topic, broken.key, headers, b"\xff"),
        Message(broken.topic, broken.key, {**broken.headers, "ce_type": "some.other.thing.v1"}, b"{}"),
        other,
    )
    await streams.take(records)
    await streams.take(records)
    letters = [row async for row in streams.db[OUTBOX].find({"topic": dead_letters("analytics")}).sort("_id")]
    assert [row["headers"][ORIGIN_OFFSET] for row in letters] == ["1", "2"]
    assert {row["headers"][ORIGIN_TOPIC] for row in letters} == {"session.activity.v1"}
    assert (await streams.transact.read(lambda uow: uow.days.sum()))["views"] == 2


async def test_an_event_that_nothing_can_be_made_of_is_buried_alone(streams: Streams) -> None:
    poison = view("vis_1", "prd_\x00")  # MongoDB takes no such name
    log = Log()
    records = log.append(view("vis_1", "a"), view("vis_1", "b"), poison, view("vis_1", "c"))
    await streams.take(records)
    (row,) = [row async for row in streams.db[OUTBOX].find({"topic": dead_letters("analytics")})]
    assert row["headers"][ORIGIN_OFFSET] == "2"
    assert row["headers"][REASON]
    assert (await streams.transact.read(lambda uow: uow.days.sum()))["views"] == 3


async def test_a_dead_letter_that_is_replayed_is_counted(streams: Streams) -> None:
    page = message(view("vis_1", "prd_1"))
    notes = {"dl_topic": page.topic, "dl_reason": "it was broken then"}
    again = Message(replay("analytics"), page.key, {**page.headers, **notes}, page.value)
    await streams.take(Log().append(again, again))
    assert (await streams.transact.read(lambda uow: uow.days.sum()))["views"] == 1


async def test_declined_orders_are_not_purchases(streams: Streams) -> None:
    await streams.take(Log().append(declined("ord_1", "usr_1")))
    assert (await streams.transact.read(lambda uow: uow.days.sum()))["purchases"] == 0


async def test_pairs_are_counted_per_order_and_per_visit(streams: Streams, db: Database) -> None:
    log = Log(partitions=1)
    log.append(paid("ord_1", "usr_1", "a", "b", "c"), paid("ord_2", "usr_2", "b", "a"))
    log.append(view("vis_1", "a"), view("vis_1", "b"), view("vis_1", "a"))
    log.append(view("vis_1", "c", NOON + timedelta(hours=2)), view("vis_2", "c", personalise=False))
    log.append(view("vis_2", "a", personalise=False))
    await streams.take(log.records)
    bought = {row["_id"]: row["together"] async for row in db["co_purchases"].find()}
    viewed = {row["_id"]: row["together"] async for row in db["co_views"].find()}
    assert bought == {"a|b": 2, "a|c": 1, "b|c": 1}
    assert viewed == {"a|b": 1}


async def test_what_clients_make_up_leaves_no_more_than_their_page_views(
    streams: Streams, settings: AnalyticsSettings
) -> None:
    log = Log()
    for number in range(300):
        page = view(f"vis_{number % 10}", f"prd_made_up_{number}", NOON + timedelta(seconds=number))
        log.append(page, engaged(page, 1000), view(page.visitor_id, "prd_1", page.at))
        clicked = RecommendationClicked(
            visitor_id="vis_1", placement="home", product_id=f"x{number}", at=NOON
        )
        log.append(clicked)
    await streams.take(log.records)
    await attention.count_waiting(streams.transact, activity_of(settings))
    counts = await streams.counts()
    assert {row["product_id"] for row in counts["tallies"].values()} == {"prd_1"}
    assert counts["co_views"] == {}
    assert {item for visitor in counts["visitors"].values() for item in visitor["items"]} == {"prd_1"}
    totals = await streams.transact.read(lambda uow: uow.days.sum())
    assert (totals["views"], totals["engaged_ms"], totals["clicked"]) == (600, 300_000, 300)


async def test_views_that_come_before_their_product_are_counted_when_it_comes(
    streams: Streams, settings: AnalyticsSettings
) -> None:
    first, stayed, last = view("vis_1", "new"), view("vis_2", "new"), view("vis_1", "a")
    log = Log(partitions=1)
    log.append(first, engaged(first, 2000), last, stayed, engaged(stayed, 500), view("vis_1", "new"))
    log.append(view("vis_3", "a", personalise=False), view("vis_3", "new", personalise=False))
    await streams.take(log.records, size=2)
    assert not [id for id in (await streams.counts())["tallies"] if id.startswith("new")]
    await hear(streams, catalog.product_changed, product("new"))
    await streams.take(log.append(engaged(stayed, 900, 20)))  # it comes before the job
    for _ in range(2):
        await attention.count_waiting(streams.transact, activity_of(settings))
    counted = await streams.counts()
    assert {
        name: counted["tallies"]["new/session.activity.v1.0"][name] for name in ("views", "engaged_ms")
    } == {
        "views": 4,
        "engaged_ms": 2900,
    }
    assert {id: row["together"] for id, row in counted["co_views"].items()} == {"a|new": 1}
    await drop_read_models(streams.db)
    await streams.take(log.records)
    in_order = await streams.counts()
    for name in ("tallies", "attention", "co_views", "days"):
        assert_same({name: counted[name]}, {name: in_order[name]})


async def test_a_view_taken_while_its_product_was_being_told_of_is_counted(
    streams: Streams, settings: AnalyticsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream's snapshot has no product yet, and its views are committed after the job has looked."""
    real, looks = Attention.save, iter([True])

    async def save(self: Attention, pages: Any, now: datetime) -> None:
        if next(looks, False):
            await hear(streams, catalog.product_changed, product("new"))
            await attention.count_waiting(streams.transact, activity_of(settings))
        await real(self, pages, now)

    monkeypatch.setattr(Attention, "save", save)
    await streams.take(Log().append(view("vis_1", "new")))
    assert (await streams.counts())["tallies"] == {}
    await attention.count_waiting(streams.transact, activity_of(settings))
    assert await streams.transact.read(lambda uow: uow.tallies.sums(["new"], ["views"])) == {
        "new": {"views": 1}
    }


async def test_what_is_viewed_of_a_product_that_is_gone_counts_also_when_read_again(streams: Streams) -> None:
    await hear(streams, catalog.product_deleted, ProductDeleted(product_id="a"), sequence=2)
    log = Log()
    log.append(view("vis_1", "a"))
    await streams.take(log.records)
    counted = await streams.counts()
    await drop_read_models(streams.db)
    await streams.take(log.records)
    assert await streams.counts() == counted
    assert await streams.transact.read(lambda uow: uow.tallies.sums(["a"], ["views"])) == {"a": {"views": 1}}


def assert_same(counts: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare counts. Sums of fractions that were added in another order may differ in their last digits."""
    assert counts.keys() == expected.keys()
    for name, documents in expected.items():
        assert counts[name].keys() == documents.keys(), name
        for key, document in documents.items():
            assert flat(counts[name][key]) == pytest.approx(flat(document)), f"{name} {key}"


def flat(document: Any, path: str = "") -> dict[str, Any]:
    if isinstance(document, dict):
        return {
            name: value for key in document for name, value in flat(document[key], f"{path}.{key}").items()
        }
    return {path: document if isinstance(document, int | float) else str(document)}
