"""Each process tells how it is: from what it may use of memory to a record in ops.vitals."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from shop_chassis.settings import ServiceSettings
from shop_chassis.vitals import memory_available, tell_vitals
from shop_events.admin import ensure_topics
from shop_events.contracts.ops import VITALS, VitalsSampled
from shop_events.envelope import Message, Received, decode, headers_of
from shop_events.kafka import KafkaSettings
from tests.events.conftest import System


def group(folder: Path, most: str, used: int = 950, idle: int = 0) -> Path:
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {idle}\nactive_file 7\n")
    return folder


def test_memory_is_what_the_control_group_leaves_and_pages_nobody_uses_are_free(tmp_path: Path) -> None:
    assert memory_available(group(tmp_path, "1000")) == pytest.approx(0.05)
    assert memory_available(group(tmp_path, "1000", idle=150)) == pytest.approx(0.2)
    assert memory_available(group(tmp_path, "1000", used=1200)) == 0


@pytest.mark.parametrize("most", ["max", None])
def test_without_a_bound_of_the_group_it_is_the_machines(tmp_path: Path, most: str | None) -> None:
    machine = psutil.virtual_memory()
    folder = group(tmp_path, most) if most else tmp_path
    assert memory_available(folder) == pytest.approx(machine.available / machine.total, abs=0.1)


async def samples(kafka: KafkaSettings, at_least: int) -> list[Received]:
    system = System(None, None, kafka)  # type: ignore[arg-type]
    async with asyncio.timeout(30):
        while len(found := await system.read(VITALS)) < at_least:
            pass
    return [
        decode(Message(VITALS, each.key.decode(), headers_of(each.headers), each.value)) for each in found
    ]


@pytest.mark.integration
async def test_samples_of_a_process_are_in_the_topic_under_its_instance(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    settings = ServiceSettings(
        service_name="session",
        mongodb_database="unused",
        http_port=0,
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=topic_prefix,
        vitals_interval_seconds=0.05,
    )
    await ensure_topics(settings.kafka)
    stop = asyncio.Event()
    telling = asyncio.create_task(tell_vitals(settings, stop))
    told = await samples(settings.kafka, 2)
    stop.set()
    await asyncio.wait_for(telling, 20)
    assert len({each.envelope.id for each in told}) == len(told)
    for sampled in (each.event for each in told):
        assert isinstance(sampled, VitalsSampled)
        assert (sampled.service, sampled.instance) == ("session", settings.instance_id)
        assert 0 <= sampled.memory_available_ratio <= 1
        assert sampled.resident_bytes > 1_000_000
        assert datetime.now(UTC) - sampled.at < timedelta(minutes=1)
