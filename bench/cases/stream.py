"""Analytics' stream worker draining topics that were filled beforehand, beside a loop that only stores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from pymongo import MongoClient

from bench.baselines.drain import Drained, drain
from bench.cases.shopping import PRODUCTS, shopping
from bench.figures import Comparison, Contender, Effort, Figure
from bench.ground import Document, Ground
from bench.topic import fill
from shop_devstack.errors import NotReadyError
from shop_events.contracts.catalog import ORDERS
from shop_events.contracts.session import ACTIVITY

EVENTS = 40_000
_PREFIX = "ours."
_DRAINED_WITHIN = 120


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare one worker process with one loop over the same records.

    Ours is measured first in each round, and the loop makes as many writes an event as ours made.
    """
    here.topics(_PREFIX)
    asyncio.run(fill(here.kafka, _PREFIX, ((message, None) for message in shopping(EVENTS))))
    worker = _Worker(here)

    def bare() -> Figure:
        return drain(here, Drained(_PREFIX, (ACTIVITY, ORDERS), EVENTS, worker.writes_per_event))

    name, loop = "analytics worker", "getmany loop, one transaction a batch"
    figures = effort.alternate([Contender(name, worker.measure), Contender(loop, bare)])
    rounds: dict[str, Sequence[Figure]] = {loop: figures[loop], name: figures[name]}
    writes = f"{worker.writes_per_event:.2f} writes an event"
    return [Comparison(f"stream ({writes})", "events", rounds, least_rate=10_000)]


class _Worker:
    """Runs the worker as often as asked: all products are known then, and nothing is counted."""

    def __init__(self, here: Ground) -> None:
        self._here = here
        self._runs = 0
        self.writes_per_event = 0.0

    def measure(self) -> Figure:
        """Return the rate from the first events that are stored to the last ones."""
        self._runs += 1
        database = f"shop_analytics_{self._runs}"
        self._list_products(database)
        before = self._writes()
        with self._here.running(
            "worker", "shop_analytics", "worker", topic_prefix=_PREFIX, mongodb_database=database
        ):
            figure = self._watch(database)
        self.writes_per_event = (self._writes() - before) / EVENTS
        return figure

    def _watch(self, database: str) -> Figure:
        deadline = time.monotonic() + _DRAINED_WITHIN
        first: tuple[float, int] | None = None
        with MongoClient[Document](self._here.mongodb_url) as client:
            while True:
                read = sum(document["next"] for document in client[database].positions.find(_OF_THE_TOPICS))
                now = time.monotonic()
                if read and first is None:
                    first = (now, read)
                if first and read >= EVENTS:
                    return Figure((EVENTS - first[1]) / (now - first[0]))
                if now > deadline:
                    raise NotReadyError("analytics", f"it read {read} of {EVENTS} events in time", "")
                time.sleep(0.02)

    def _list_products(self, database: str) -> None:
        with MongoClient[Document](self._here.mongodb_url) as client:
            client[database].products.insert_many({"_id": id, "gone": False} for id in PRODUCTS)

    def _writes(self) -> int:
        """Return how many documents MongoDB has written since its start."""
        with MongoClient[Document](self._here.mongodb_url) as client:
            counters = client.admin.command("serverStatus")["opcounters"]
        return int(counters["insert"] + counters["update"] + counters["delete"])


_OF_THE_TOPICS: Document = {"_id": {"$regex": f"^({ACTIVITY}|{ORDERS})/"}}
