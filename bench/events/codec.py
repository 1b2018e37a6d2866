"""Decoding and validating on one core, beside CloudEvents' official SDK (which validates nothing of ours)."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from cloudevents.v1.kafka import KafkaMessage, from_binary

from bench.events.made_up import TOPIC, records
from bench.figures import Comparison, Contender, Effort, Figure
from bench.ground import Ground
from shop_events.contracts.catalog import OrderPaid
from shop_events.deliveries import read
from shop_events.handlers import Subscriptions, on
from shop_events.kafka import KafkaSettings

EVENTS = 50_000
_BATCH = 100


@on(OrderPaid, effect="receipt:{order_id}")
async def _receipt(uow: Any, event: OrderPaid) -> None: ...


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare the SDK's decoding with the consumer's: envelope, contract, handlers."""
    found = records(EVENTS, TOPIC)
    subscriptions, kafka = Subscriptions("notifier", [_receipt]), KafkaSettings()

    def official() -> None:
        for record in found:
            assert record.value is not None
            from_binary(KafkaMessage(dict(record.headers), record.key, record.value))

    def ours() -> None:
        for start in range(0, EVENTS, _BATCH):
            read(found[start : start + _BATCH], subscriptions, kafka)

    gc.collect()
    gc.freeze()  # a consumer holds a few thousand records, not all of them
    rounds = effort.alternate(
        [
            Contender("cloudevents SDK", lambda: _timed(official)),
            Contender("decode and validate", lambda: _timed(ours)),
        ]
    )
    return [Comparison("codec, one core", "events", rounds, least_rate=150_000)]


def _timed(work: Callable[[], object]) -> Figure:
    started = time.process_time()
    work()
    return Figure(EVENTS / (time.process_time() - started))
