"""Looking at topics from the command line."""

from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord
from rich.console import Console

from shop_devstack import topics
from shop_devstack.errors import DevstackError
from shop_devstack.screen import Screen
from shop_events.topics import TOPICS


def test_every_topic_of_the_registry_is_listed() -> None:
    console = Console(record=True, width=300, quiet=False)
    topics.show_topics(Screen(console))
    shown = console.export_text()
    assert all(name in shown for name in TOPICS)


@pytest.mark.parametrize("name", ["identity.contacts.v1", "identity.links.v1", "catalog.dead-letters.v1"])
def test_a_closed_topic_is_not_shown_where_the_broker_would_let_everybody_read_it(name: str) -> None:
    unguarded = SimpleNamespace(guards_kafka=False)
    with pytest.raises(DevstackError, match="only"):
        topics.tail(unguarded, name, from_start=True, most=1)  # type: ignore[arg-type]


def test_an_unknown_topic_is_said_so() -> None:
    with pytest.raises(DevstackError, match="make topics"):
        topics.tail(None, "orders", from_start=True, most=1)  # type: ignore[arg-type]


def test_a_record_is_shown_as_a_cloudevent_with_its_place() -> None:
    record = ConsumerRecord(
        topic="x.catalog.orders.v1", partition=2, offset=7, timestamp=0, timestamp_type=0, key=b"ord_1",
        value=b'{"a": 1}', checksum=None, serialized_key_size=5, serialized_value_size=8,
        headers=[("ce_type", b"t"), ("content-type", b"application/json")],
    )  # fmt: skip
    assert topics.line_of(record, "catalog.orders.v1") == {
        "topic": "catalog.orders.v1",
        "partition": 2,
        "offset": 7,
        "key": "ord_1",
        "type": "t",
        "data": {"a": 1},
    }
