"""Vitals of processes: which of them run out of memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from shop_analytics.application import alerts
from shop_analytics.application.intake import Arrival
from shop_analytics.domain.verdicts import Verdict
from shop_analytics.domain.watches import MemoryWatch
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork, whole_milliseconds
from shop_events.contracts.ops import VitalsSampled

TYPES = (VitalsSampled,)


async def fold(uow: AnalyticsUnitOfWork, arrivals: Sequence[Arrival]) -> None:
    """Watch a batch of samples."""
    samples = [arrival.event for arrival in arrivals if isinstance(arrival.event, VitalsSampled)]
    watches = await uow.memory_watches.load(sample.instance for sample in samples)
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for sample in samples:
        watch = watches.setdefault(sample.instance, MemoryWatch())
        said = watch.sampled(sample.memory_available_ratio, whole_milliseconds(sample.at))
        verdicts[sample.instance] += said
    await uow.memory_watches.save(watches, uow.now)
    await alerts.judge(uow, "low-memory", verdicts)
