"""Telemetry is acknowledged or refused within a bound, and comes back when the broker does."""

import asyncio
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shop_devstack.kafka import kafka_server
from shop_events import admin
from shop_events.contracts import Fact
from shop_events.contracts.session import PageViewed, activity_event_id
from shop_events.envelope import Message, encode, envelope_for
from shop_events.kafka import KafkaSettings
from shop_events.telemetry import TelemetryProducer, TelemetryUnavailable
from shop_events.topics import TOPICS
from tests.events.conftest import System

pytestmark = pytest.mark.integration

ACTIVITY = TOPICS["session.activity.v1"]


def views(*numbers: int) -> list[Message]:
    events = [
        PageViewed(visitor_id="vst_1", view_id=str(number), page="/", at=datetime.now(UTC))
        for number in numbers
    ]
    return [
        encode(envelope_for(Fact(event, 0), "session", activity_event_id("vst_1", event.view_id)), event)
        for event in events
    ]


@pytest.fixture
async def kafka(system: System) -> KafkaSettings:
    await admin.ensure_topics(system.kafka, [ACTIVITY])
    return system.kafka


async def test_what_was_sent_is_in_the_topic_in_order_when_send_returns(
    system: System, kafka: KafkaSettings
) -> None:
    async with TelemetryProducer(kafka) as telemetry:
        await telemetry.send(views(*range(50)))
        records = await system.read("session.activity.v1")
    sent = [message.headers["ce_id"].encode() for message in views(*range(50))]
    assert [dict(record.headers)["ce_id"] for record in records] == sent


async def test_without_a_broker_it_says_so_soon_and_then_at_once() -> None:
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    async with TelemetryProducer(nowhere, within=2) as telemetry:
        for within in (3.0, 0.5):
            started = time.monotonic()
            with pytest.raises(TelemetryUnavailable):
                await telemetry.send(views(1))
            assert time.monotonic() - started < within


async def test_it_notices_that_the_broker_went_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    broker = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}")
    async with TelemetryProducer(broker, within=2) as telemetry:
        with pytest.raises(TelemetryUnavailable):
            await telemetry.send(views(1))
        with kafka_server(tmp_path, port):
            await admin.ensure_topics(broker, [ACTIVITY])
            await sent_in_the_end(telemetry, 2)
        started = time.monotonic()
        with pytest.raises(TelemetryUnavailable):
            await telemetry.send(views(3))
        assert time.monotonic() - started < 4
        with kafka_server(tmp_path, port):
            await sent_in_the_end(telemetry, 4)


async def sent_in_the_end(telemetry: TelemetryProducer, number: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await telemetry.send(views(number))
            except TelemetryUnavailable:
                await asyncio.sleep(0.05)


async def test_more_than_it_may_hold_is_refused(kafka: KafkaSettings) -> None:
    async with TelemetryProducer(kafka, most_waiting=10) as telemetry:
        with pytest.raises(TelemetryUnavailable):
            await telemetry.send(views(*range(11)))
        await telemetry.send(views(*range(10)))
