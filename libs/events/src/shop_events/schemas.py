"""JSON Schemas (2020-12) of the contracts: what a value of each event type looks like on its topic.

Besides the schema proper they carry what a reader must know of the record: ``x-topic``, ``x-key`` (the field
that is the record key), ``x-tombstone`` (the value is null), and ``x-personal`` on each field that says
something about a person.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from shop_events import contracts
from shop_events.contracts.base import Event

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WithoutFieldTitles(GenerateJsonSchema):
    """The name of a field says what a title made from it would say."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def every_event() -> list[type[Event]]:
    """Return all contracts, sorted by type; those that tests declare are not among them."""
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"{contracts.__name__}.{module.name}")
    own = (
        event for event in Event.registry.values() if event.__module__.startswith(f"{contracts.__name__}.")
    )
    return sorted(own, key=lambda event: event.event_type)


def schema_of(event: type[Event]) -> Schema:
    """Return the schema of an event type's JSON value."""
    made = event.model_json_schema(schema_generator=_WithoutFieldTitles)
    return {
        "$schema": DIALECT,
        "$id": f"urn:shopstream:event:{event.event_type}",
        "title": event.event_type,
        "description": " ".join((event.__doc__ or "").split()),
        "x-topic": event.topic,
        "x-key": event.key_field,
        "x-tombstone": event.tombstone,
        **{name: part for name, part in made.items() if name not in {"title", "description"}},
    }


def schemas() -> dict[str, Schema]:
    """Return the schema of every contract, by event type."""
    return {event.event_type: schema_of(event) for event in every_event()}


def to_text(document: Any) -> str:
    """Return a JSON document as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
