"""How this process is: memory, CPU and event-loop lag, told to ops.vitals every so often.

It is told for others. Nothing here may keep the process from its work: what cannot be sent is left out.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import psutil
import structlog
from prometheus_client import REGISTRY

from shop_chassis.settings import ServiceSettings
from shop_chassis.supervision import Part
from shop_events.contracts import Fact
from shop_events.contracts.ops import VitalsSampled
from shop_events.envelope import Message, encode, envelope_for
from shop_events.ids import derived_id
from shop_events.telemetry import TelemetryProducer, TelemetryUnavailable
from shop_events.waiting import wait_for

_GROUP = Path("/sys/fs/cgroup")

log = structlog.get_logger("shop_chassis.vitals")


def vitals_part(settings: ServiceSettings) -> Part:
    """Return the part that samples this process; the process is ready without it."""

    async def run(stop: asyncio.Event) -> None:
        await tell_vitals(settings, stop)

    return Part("vitals", run, outlived=True)


async def tell_vitals(settings: ServiceSettings, stop: asyncio.Event) -> None:
    """Send a sample every ``vitals_interval_seconds`` until ``stop`` is set."""
    process = psutil.Process()
    async with TelemetryProducer(settings.kafka) as telemetry:
        while not await wait_for(stop, settings.vitals_interval_seconds):
            try:
                await telemetry.send([_message(sample(settings, process))])
            except (TelemetryUnavailable, psutil.Error) as error:
                log.debug("vitals not told", reason=type(error).__name__)


def sample(settings: ServiceSettings, process: psutil.Process) -> VitalsSampled:
    """Return how the process is now."""
    cpu = process.cpu_times()
    return VitalsSampled(
        instance=settings.instance_id,
        service=settings.service_name,
        memory_available_ratio=memory_available(),
        resident_bytes=process.memory_info().rss,
        cpu_seconds=cpu.user + cpu.system,
        loop_lag_seconds=REGISTRY.get_sample_value("event_loop_lag_seconds") or 0.0,
        at=datetime.now(UTC),
    )


def memory_available(group: Path = _GROUP) -> float:
    """Return the free part of the memory this process may use: its control group's, or the machine's.

    Pages of files that nobody uses count as available (cgroup v2: ``inactive_file``).
    """
    try:
        most = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        idle = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return max(0.0, min(1.0, 1 - (used - int(idle["inactive_file"])) / most))
    except (OSError, ValueError, KeyError):  # no group, or one without a bound
        memory = psutil.virtual_memory()
        return float(memory.available / memory.total)


def _message(event: VitalsSampled) -> Message:
    event_id = derived_id("vitals", event.instance, event.at.isoformat())
    return encode(envelope_for(Fact(event, 0), event.service, event_id), event)
