"""A topic followed in memory."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from shop_events.admin import ensure_topics
from shop_events.contracts import Fact
from shop_events.contracts.session import ACTIVITY, PageViewed
from shop_events.envelope import encode, envelope_for
from shop_events.tail import Tail
from shop_events.telemetry import TelemetryProducer
from tests.events.conftest import System, eventually, running


def view(number: int) -> PageViewed:
    return PageViewed(visitor_id=f"vst_{number}", view_id="v", page="/", at=datetime.now(UTC))


async def test_a_broker_that_takes_its_time_is_not_taken_for_the_end(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who closes what is open at the end of the topic must not do so in the middle of its history."""
    await ensure_topics(system.kafka)
    facts = [Fact(view(number), 0) for number in range(200)]
    async with TelemetryProducer(system.kafka) as producer:
        await producer.send([encode(envelope_for(fact, "test"), fact.event) for fact in facts])
    real = AIOKafkaConsumer.getmany
    calls = 0

    async def slow(self: AIOKafkaConsumer, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return {} if calls % 2 else await real(self, timeout_ms=options["timeout_ms"], max_records=20)

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", slow)
    told: list[str] = []
    tail = Tail(
        system.kafka,
        ACTIVITY,
        lambda received, _: told.append(received.event.key),
        timedelta(days=1),
        lambda: told.append("end"),
    )
    async with running(tail):
        await eventually(tail.caught_up.is_set)
    assert "end" not in told[:200]
    assert len(set(told[:200])) == 200
    assert told[200] == "end"
