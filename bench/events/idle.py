"""What relays and consumers of all services cost while nothing happens, and the servers they keep awake."""

from __future__ import annotations

import asyncio
import importlib
import secrets
import time
from contextlib import AsyncExitStack
from typing import Any

import psutil
import uvloop

from bench.events.made_up import database, transactor
from bench.figures import Comparison, Effort, Figure
from bench.ground import Ground
from shop_events.consumer import Consumer
from shop_events.kafka import KafkaSettings
from shop_events.relay import OutboxRelay
from shop_events.topics import SERVICES

_SETTLE_SECONDS = 3
_MOST_MS = 2000 / 60  # two CPU seconds a minute


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Measure CPU milliseconds a second: of the servers with nobody there, with us, and our own."""
    prefix = f"i{secrets.token_hex(2)}."
    here.topics(prefix)
    kafka = KafkaSettings(bootstrap_servers=here.kafka, topic_prefix=prefix)
    both: dict[str, list[Figure]] = {"MongoDB and Kafka alone": [], "MongoDB and Kafka, kept awake": []}
    alone, awake = both.values()
    ours: list[Figure] = []
    for number in range(1, effort.rounds + 1):
        alone.append(uvloop.run(_servers(effort.seconds)))
        servers, mine = uvloop.run(_backbone(here, kafka, effort.seconds))
        awake.append(servers)
        ours.append(mine)
        effort.measured("five relays and consumers", number, mine)
    rounds = {**both, "five relays and consumers": ours}
    return [Comparison("idle", "CPU ms", rounds, most_rate=_MOST_MS)]


async def _servers(seconds: float) -> Figure:
    before = _servers_cpu()
    await asyncio.sleep(seconds)
    return Figure((_servers_cpu() - before) * 1000 / seconds)


async def _backbone(here: Ground, kafka: KafkaSettings, seconds: float) -> tuple[Figure, Figure]:
    async with AsyncExitStack() as stack:
        stop = asyncio.Event()
        parts: list[Consumer | OutboxRelay] = []
        for name in SERVICES:
            client, db = await stack.enter_async_context(database(here))
            subscriptions = importlib.import_module(f"shop_{name}.main").SERVICE.subscriptions
            parts.append(Consumer(db, kafka, subscriptions, transactor(client, db)))
            parts.append(OutboxRelay(client, db, kafka, name))
        running = [asyncio.create_task(part.run(stop)) for part in parts]
        await _ready(parts)
        mine, servers, started = time.process_time(), _servers_cpu(), time.monotonic()
        await asyncio.sleep(max(seconds, 10))
        took = time.monotonic() - started
        figures = (
            Figure((_servers_cpu() - servers) * 1000 / took),
            Figure((time.process_time() - mine) * 1000 / took),
        )
        stop.set()
        await asyncio.gather(*running)
    return figures


async def _ready(parts: list[Any]) -> None:
    while not all(getattr(part, "ready", True) for part in parts):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(_SETTLE_SECONDS)


def _servers_cpu() -> float:
    """Return the CPU seconds that this process's MongoDB and Kafka have used so far."""
    children = psutil.Process().children(recursive=True)
    return sum(sum(child.cpu_times()[:2]) for child in children)
