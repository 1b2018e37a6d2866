"""The examples of the library's README do what it says."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from shop_events.contracts import Event
from shop_events.kafka import KafkaSettings
from shop_events.topics import TOPICS, Topic, declare
from tests.events.conftest import eventually

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


def test_a_topic_is_declared_once() -> None:
    taken: Topic = TOPICS["catalog.orders.v1"]
    with pytest.raises(ValueError, match="declared already"):
        declare(taken)
