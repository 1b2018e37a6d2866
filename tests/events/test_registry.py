"""Contracts and the topic registry agree, and personal data stays in personal topics."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from shop_events import contracts
from shop_events.contracts import Event, Personal
from shop_events.contracts.catalog import OrderPaid
from shop_events.handlers import Subscriptions, on
from shop_events.topics import SERVICES, TOPICS, Kind, Sensitivity

for module in pkgutil.iter_modules(contracts.__path__):
    importlib.import_module(f"shop_events.contracts.{module.name}")

EVERY_EVENT = sorted(Event.registry.values(), key=lambda event: event.event_type)


def markers(model: type[BaseModel]) -> Iterator[Any]:
    for field in model.model_fields.values():
        yield from field.metadata
        for part in _models(field.annotation):
            yield from markers(part)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: event.event_type)
def test_an_event_belongs_to_a_topic_of_its_owner(event: type[Event]) -> None:
    topic = TOPICS[event.topic]
    assert event.event_type.split(".")[0] in (topic.owner, "ops")


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: event.event_type)
def test_personal_data_is_only_in_topics_closed_to_analysts(event: type[Event]) -> None:
    if Personal in markers(event):
        assert TOPICS[event.topic].sensitivity is not Sensitivity.OPEN


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: event.event_type)
def test_tombstones_are_only_in_state_topics(event: type[Event]) -> None:
    if event.tombstone:
        assert TOPICS[event.topic].kind is Kind.STATE


def test_the_marker_is_found_in_nested_models() -> None:
    assert Personal in markers(Event.registry["identity.contact.changed.v1"])


def test_every_service_has_a_dead_letter_and_a_replay_topic() -> None:
    for service in SERVICES:
        assert {f"{service}.dead-letters.v1", f"{service}.replay.v1"} <= TOPICS.keys()


def test_a_state_topic_is_compacted_and_a_log_ends_with_its_retention() -> None:
    assert TOPICS["catalog.products.v1"].config["cleanup.policy"] == "compact"
    assert TOPICS["identity.links.v1"].config["retention.ms"] == "3600000"
    assert TOPICS["identity.erasures.v1"].config["retention.ms"] == "-1"


def test_a_handler_is_either_an_effect_or_a_projection() -> None:
    with pytest.raises(TypeError):
        on(OrderPaid)
    with pytest.raises(TypeError):
        on(OrderPaid, effect="receipt:{order_id}", projection="orders")
    with pytest.raises(TypeError):
        on(OrderPaid, effect="receipt:{nothing}")
    with pytest.raises(TypeError):
        on(OrderPaid, effect="receipt")


def test_a_service_cannot_listen_where_the_registry_does_not_let_it() -> None:
    @on(OrderPaid, effect="x:{order_id}")
    async def handler(uow: Any, event: OrderPaid) -> None: ...

    assert "catalog.orders.v1" in Subscriptions("notifier", [handler]).topics
    with pytest.raises(TypeError, match="identity is not among the readers"):
        Subscriptions("identity", [handler])
