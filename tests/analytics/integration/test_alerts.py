"""One alert per crossing and one end of it, whatever is cut off or read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest

from shop_analytics.jobs import alerts
from shop_analytics.store.schema import drop_read_models
from shop_events.contracts import Event
from shop_events.contracts.analytics import AlertRaised, AlertResolved, AlertWorsened
from shop_events.outbox import OUTBOX
from tests.analytics.conftest import (
    NOON,
    Log,
    Streams,
    declined,
    declined_try,
    decoded,
    failed,
    message,
    succeeded,
    view,
    vitals,
)

pytestmark = pytest.mark.integration

ALERTS = (AlertRaised, AlertWorsened, AlertResolved)


def attack(subject: str, count: int = 60, at: datetime = NOON) -> list[Event]:
    return [failed(subject, at + timedelta(seconds=each * 0.3)) for each in range(count)]


async def test_a_brute_force_attack_raises_one_alert_in_whatever_batches(streams: Streams) -> None:
    log = Log()
    log.append(*attack("usr_1"), *attack("usr_2", 4))
    await streams.take(log.records, size=3)
    (raised,) = await streams.told(*ALERTS)
    assert isinstance(raised, AlertRaised)
    assert (raised.rule, raised.subject, raised.severity) == ("login-failures", "usr_1", "warning")
    assert raised.at == NOON + timedelta(seconds=1.2)


async def test_it_is_raised_once_also_when_ranges_are_read_again_and_read_models_are_dropped(
    streams: Streams,
) -> None:
    log = Log()
    log.append(*attack("usr_1"), succeeded("usr_1", NOON + timedelta(seconds=20)))
    log.append(*attack("usr_1", at=NOON + timedelta(hours=1)))
    await streams.take(log.records[:40], size=7)
    await streams.take(log.records, size=11)
    told = await streams.told(*ALERTS)
    assert [type(event) for event in told] == [AlertRaised, AlertWorsened, AlertResolved, AlertRaised]
    await drop_read_models(streams.db)
    await streams.take(log.records, size=19)
    assert await streams.told(*ALERTS) == told


async def test_events_of_an_alert_have_derived_ids_and_growing_sequences(streams: Streams) -> None:
    log = Log()
    log.append(*attack("usr_1"), succeeded("usr_1", NOON + timedelta(seconds=20)))
    await streams.take(log.records)
    rows = [row async for row in streams.db[OUTBOX].find().sort("_id")]
    envelopes = [decoded(row).envelope for row in rows]
    assert [envelope.sequence for envelope in envelopes] == [1, 2]
    assert all(envelope.id[14] == "5" for envelope in envelopes)


async def test_what_nobody_hears_of_is_resolved_by_the_clock_once(streams: Streams) -> None:
    await streams.take(Log().append(*attack("usr_1")))
    await alerts.resolve(streams.transact)
    await alerts.resolve(streams.transact)
    raised, resolved = await streams.told(*ALERTS)
    assert isinstance(resolved, AlertResolved)
    assert resolved.raised_at == raised.at
    assert resolved.at - NOON == timedelta(seconds=59 * 0.3 + 50)


async def test_an_attack_under_way_is_not_resolved(streams: Streams) -> None:
    await streams.take(Log().append(*attack("usr_1", at=datetime.now(UTC) - timedelta(seconds=18))))
    await alerts.resolve(streams.transact)
    assert [type(event) for event in await streams.told(*ALERTS)] == [AlertRaised]


async def test_an_alert_resolved_while_the_streams_were_behind_is_not_raised_again(streams: Streams) -> None:
    records = Log().append(*attack("usr_1", 200))
    await streams.take(records[:50])
    await alerts.resolve(streams.transact)
    await streams.take(records[50:])
    await alerts.resolve(streams.transact)
    assert [type(event) for event in await streams.told(*ALERTS)] == [AlertRaised, AlertResolved]


async def test_declined_cards_scraping_and_low_memory_raise_their_own(streams: Streams) -> None:
    log = Log()
    log.append(*(declined(f"ord_{each}", "usr_1", NOON + timedelta(minutes=each)) for each in range(6)))
    log.append(*(view("vis_1", f"prd_{each}", NOON + timedelta(milliseconds=each)) for each in range(90)))
    log.append(*vitals("catalog-1", (0, 0.09), (120, 0.08), (135, 0.03), (150, 0.5)))
    await streams.take(log.records, size=25)
    told = await streams.told(*ALERTS)
    assert sorted(event.fingerprint for event in told if isinstance(event, AlertRaised)) == [
        "card-declines:usr_1",
        "low-memory:catalog-1",
        "scraping:vis_1",
    ]
    assert [type(event) for event in told if event.rule == "low-memory"] == list(ALERTS)


async def test_each_declined_try_of_one_order_counts_once(streams: Streams) -> None:
    three = [declined_try(f"pay_{each}", "usr_1", NOON + timedelta(minutes=each)) for each in range(3)]
    records = Log().append(*three, *three, declined("ord_1", "usr_1", NOON + timedelta(minutes=4)))
    await streams.take(records[:6], size=4)
    assert await streams.told(*ALERTS) == []
    await streams.take(records[6:])
    assert [event.fingerprint for event in await streams.told(AlertRaised)] == ["card-declines:usr_1"]


async def test_a_login_told_again_is_no_further_failure(streams: Streams) -> None:
    again: list[Any] = [message(failed("usr_1"), "e1") for _ in range(20)]
    await streams.take(Log().append(*again), size=3)
    assert await streams.told(*ALERTS) == []


async def test_a_topic_that_begins_in_the_middle_of_an_attack_by_now_raises_nothing_again(
    streams: Streams,
) -> None:
    log = Log()
    log.append(*attack("usr_1"), failed("usr_1", NOON + timedelta(hours=1)))
    await streams.take(log.records)
    told = await streams.told(*ALERTS)
    assert [type(event) for event in told] == [AlertRaised, AlertResolved]
    await drop_read_models(streams.db)
    await streams.take(log.records[20:])
    assert await streams.told(*ALERTS) == told
    await streams.take(log.append(*attack("usr_1", at=NOON + timedelta(hours=2))))
    assert [type(event) for event in await streams.told(*ALERTS)] == [AlertRaised, AlertResolved, AlertRaised]


async def test_late_and_repeated_events_of_every_rule_raise_each_crossing_once(streams: Streams) -> None:
    """Two crossings of each rule, told in disorder and twice, as several processes with several clocks do."""
    crossings: list[Event] = []
    for number, at in enumerate((NOON, NOON + timedelta(hours=6))):
        tried = [failed("usr_1", at + timedelta(seconds=each)) for each in range(12)]
        refused = [
            declined(f"ord_{number}-{each}", "usr_1", at + timedelta(minutes=each)) for each in range(8)
        ]
        seen = [view("vis_1", f"p{number}-{each}", at + timedelta(milliseconds=each)) for each in range(90)]
        for events in (tried, refused, seen):
            shuffled = [*events[1::2], *events[::2]]
            crossings += [*shuffled, *shuffled[:5]]
        crossings += [
            *vitals("catalog-1", *((21600 * number + step * 15, 0.08) for step in (0, 2, 1, 4, 3, 9, 8, 10))),
            *vitals("catalog-1", (21600 * number + 300, 0.9), (21600 * number + 200, 0.01)),
        ]
    log = Log()
    for event in crossings:
        log.append(message(event, str(uuid5(NAMESPACE_OID, event.model_dump_json()))))
    await streams.take(log.records, size=17)
    await streams.take(log.records[40:], size=50)
    while await alerts.resolve(streams.transact):
        pass
    told: dict[str, list[type[Event]]] = {}
    for event in await streams.told(AlertRaised, AlertResolved):
        told.setdefault(event.rule, []).append(type(event))
    expected = [AlertRaised, AlertResolved] * 2
    assert told == dict.fromkeys(("login-failures", "card-declines", "scraping", "low-memory"), expected)
