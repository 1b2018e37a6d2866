"""What every process tells about itself."""

from __future__ import annotations

from shop_events.contracts.base import Event, Instant

VITALS = "ops.vitals.v1"


class VitalsSampled(Event, type="ops.process.vitals-sampled.v1", topic=VITALS, key="instance"):
    """Memory, CPU and event-loop lag of one process at one moment."""

    instance: str
    service: str
    memory_available_ratio: float
    resident_bytes: int
    cpu_seconds: float
    loop_lag_seconds: float
    at: Instant
