"""The examples of the library's README do what it says."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prometheus_client import Counter, Gauge, Histogram
from pymongo import AsyncMongoClient

from shop_events import metrics, telemetry
from shop_events.batch import Outcome
from shop_events.contracts import Event
from shop_events.contracts.catalog import OrderPaid
from shop_events.errors import NotYet
from shop_events.handlers import Subscriptions, on
from shop_events.kafka import KafkaSettings
from shop_events.testing import Kit
from shop_events.topics import TOPICS, Topic, declare
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import eventually, paid

README = Path(__file__).parents[2] / "libs/events/README.md"


@pytest.fixture
def example(database_name: str) -> Iterator[dict[str, Any]]:
    """The names that the README's code makes, in a database of the test's own; the registries forget them."""
    events, topics = dict(Event.registry), dict(TOPICS)
    names: dict[str, Any] = {"__name__": "readme"}
    try:
        for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL):
            exec(
                compile(block.replace('client["shop"]', f'client["{database_name}"]'), README, "exec"), names
            )
        yield names
    finally:
        for registry, before in ((Event.registry, events), (TOPICS, topics)):
            registry.clear()
            registry.update(before)  # type: ignore[arg-type]


async def test_the_tests_it_shows_pass(example: dict[str, Any]) -> None:
    tests = [value for name, value in example.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        await test()


@pytest.mark.integration
async def test_a_payment_becomes_a_receipt(
    example: dict[str, Any], mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str
) -> None:
    stop = asyncio.Event()
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    running = asyncio.create_task(example["main"](mongo_url, kafka, stop))
    client: AsyncMongoClient[Any] = AsyncMongoClient(mongo_url)
    await eventually(lambda: client[database_name]["receipts"].find_one({"order": "ord_1"}))
    stop.set()
    await running
    await client.drop_database(database_name)
    await client.close()


def _labels(*metrics: ModuleType) -> dict[str, set[str]]:
    """Return the labels of each metric, by the name under which it is exposed."""
    found = (value for module in metrics for value in vars(module).values())
    return {
        metric._name + ("_total" if isinstance(metric, Counter) else ""): set(metric._labelnames)
        for metric in found
        if isinstance(metric, Counter | Gauge | Histogram)
    }


def test_every_metric_is_in_its_table_and_the_table_names_no_other() -> None:
    rows = re.findall(r"^\|[^|]+\|([^|]*`shop_events_[^|]+)\|([^|]*)\|$", README.read_text(), re.MULTILINE)
    told: dict[str, set[str]] = {}
    for metrics_, labels in rows:
        for name in re.findall(r"`(shop_events_\w+)", metrics_):
            told.setdefault(name, set()).update(re.findall(r"\w+", labels))
    there = _labels(metrics, telemetry)
    assert told.keys() == there.keys()
    for name, labels in there.items():
        assert labels <= told[name]


async def test_each_outcome_of_an_event_is_counted_under_its_name() -> None:
    @on(OrderPaid, effect="metrics:{order_id}", patience=timedelta(seconds=1))
    async def fails(uow: UnitOfWork, event: OrderPaid) -> None:
        if event.order_id == "ord_bad":
            raise NotYet("user")

    def counted() -> dict[str, float]:
        return {
            outcome: metrics.HANDLED.labels("notifier", OrderPaid.event_type, outcome)._value.get()
            for outcome in Outcome
        }

    before = counted()
    kit = Kit(Subscriptions("notifier", [fails]))
    [good] = await kit.tell(paid("ord_good"))
    await kit.put(good)
    await kit.tell(paid("ord_bad"), paid("ord_bad"))
    await kit.advance(timedelta(seconds=10))
    gained = {outcome: number - before[outcome] for outcome, number in counted().items()}
    assert gained == {"handled": 1, "duplicate": 1, "parked": 1, "queued": 1, "dead": 2}


def test_a_topic_is_declared_once() -> None:
    taken: Topic = TOPICS["catalog.orders.v1"]
    with pytest.raises(ValueError, match="declared already"):
        declare(taken)
