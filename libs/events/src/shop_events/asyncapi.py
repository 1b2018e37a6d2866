"""The AsyncAPI 3.0 document of the whole system: contracts, registry and what the services declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from shop_events import dead_letters
from shop_events.contracts.base import Event
from shop_events.envelope import SPEC_VERSION
from shop_events.handlers import Handler
from shop_events.schemas import Schema, every_event, schema_of
from shop_events.services import Declared
from shop_events.topics import SERVICES, TOPICS, Sensitivity, Topic
from shop_events.topics import dead_letters as dead_letters_of
from shop_events.topics import replay as replay_of

Document = dict[str, Any]

_BINDING_VERSION = "0.5.0"
_DEAD_LETTER, _REPLAYED = "dead-letter", "replayed"
_ABOUT = (
    "Every topic of Shopstream. Records are CloudEvents 1.0 in Kafka's binary content mode: `ce_*` headers, "
    "a JSON value, and the id of the aggregate as key. Readers ignore fields they do not know; within a "
    "version only optional fields are added. On a shared broker, a topic's name has a prefix."
)


def document(services: Mapping[str, Declared], examples: Mapping[str, Document]) -> Document:
    """Return the document.

    Args:
        services: what each service declares, by name.
        examples: by event type, a record: ``headers`` and ``value``.
    """
    shared = _SharedSchemas()
    messages = {event.event_type: _message(event, shared, examples) for event in every_event()}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:shopstream:events",
        "info": {"title": "Shopstream events", "version": version("shop-events"), "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Any Apache Kafka; KAFKA_BOOTSTRAP_SERVERS of the services.",
                "variables": {"bootstrap": {"default": "127.0.0.1:9092"}},
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _LOGINS],
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": _operations(services),
        "components": {
            "schemas": {
                "CloudEventHeaders": _HEADERS,
                "DeadLetterHeaders": _LETTER_HEADERS,
                **shared.schemas,
            },
            "messages": {**messages, **_LETTERS},
            "securitySchemes": _LOGINS,
        },
    }


def _types_of(topic: str) -> list[str]:
    return [event.event_type for event in every_event() if event.topic == topic]


def _channel(topic: Topic) -> Document:
    names = _letter_names(topic) or _types_of(topic.name)
    closed = (
        "" if topic.sensitivity is Sensitivity.OPEN else f" Closed to analysts: {topic.sensitivity} data."
    )
    config: Document = {name: _typed(name, value) for name, value in topic.config.items()}
    return {
        "address": topic.name,
        "title": topic.carries[:1].upper() + topic.carries[1:],
        "description": f"Owned by {topic.owner}; its key is the {topic.key}.{closed}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "tags": [{"name": topic.owner}, {"name": str(topic.kind)}],
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": config,
                "bindingVersion": _BINDING_VERSION,
            }
        },
        "x-readers": list(topic.readers),
        "x-sensitivity": str(topic.sensitivity),
    }


def _typed(name: str, value: str) -> Any:
    return [value] if name == "cleanup.policy" else int(value)


def _message(event: type[Event], shared: _SharedSchemas, examples: Mapping[str, Document]) -> Document:
    own = {"ce_type": {"const": event.event_type}}
    about = " ".join((event.__doc__ or "").split())
    message: Document = {
        "name": event.event_type,
        "title": event.__name__,
        "summary": about.partition(". ")[0].removesuffix("."),
        "description": about,
        "headers": {"allOf": [_schema_ref("CloudEventHeaders"), {"type": "object", "properties": own}]},
        "payload": {"type": "null"} if event.tombstone else shared.payload(event),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": _key(f"The event's {event.key_field}")},
    }
    if not event.tombstone:
        message["contentType"] = "application/json"
    if example := examples.get(event.event_type):
        message["examples"] = [{"headers": example["headers"], "payload": example["value"]}]
    return message


def _key(description: str) -> Document:
    return {"key": {"type": "string", "description": description}, "bindingVersion": _BINDING_VERSION}


def _operations(services: Mapping[str, Declared]) -> Document:
    operations: Document = {}
    for name in SERVICES:
        for topic in TOPICS.values():
            if topic.owner in (name, "all") and (_types_of(topic.name) or _letter_names(topic)):
                operations[f"{name}.send.{topic.name}"] = _send(name, topic)
        operations.update(_receptions(name, services[name]))
    return operations


def _send(service: str, topic: Topic) -> Document:
    return {
        "action": "send",
        "channel": _channel_ref(topic.name),
        "summary": f"{service} tells: {topic.carries}",
        "messages": _message_refs(topic.name, _letter_names(topic) or _types_of(topic.name)),
        "tags": [{"name": service}],
    }


def _receptions(service: str, declared: Declared) -> Document:
    handlers: dict[str, list[Handler[Any]]] = {topic: [] for topic in declared.subscriptions.topics}
    for handler in declared.subscriptions:
        handlers[handler.contract.topic].append(handler)
    found: Document = {}
    for topic in TOPICS:
        types = sorted(event.event_type for event in declared.reads if event.topic == topic)
        if topic == replay_of(service) and topic in handlers:
            types = [_REPLAYED]
        if types:
            found[f"{service}.receive.{topic}"] = _receive(service, topic, types, handlers.get(topic))
    return found


def _receive(
    service: str, topic: str, types: Iterable[str], handlers: Iterable[Handler[Any]] | None
) -> Document:
    """Return an operation; ``handlers`` is None where no consumer group reads the topic."""
    operation: Document = {
        "action": "receive",
        "channel": _channel_ref(topic),
        "summary": f"{service} listens to {topic}",
        "messages": _message_refs(topic, types),
        "tags": [{"name": service}],
    }
    if handlers is None:
        return operation
    group = {"type": "string", "enum": [service]}
    operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": _BINDING_VERSION}}
    if described := "\n".join(map(_handled, handlers)):
        operation["description"] = described
    return operation


def _handled(handler: Handler[Any]) -> str:
    kept = f"keeps the read model `{handler.projection}`"
    what = kept if handler.effect is None else f"takes effect once per `{handler.effect}`"
    return f"- `{handler.contract.event_type}` {what}"


def _letter_names(topic: Topic) -> list[str]:
    if topic.name in map(dead_letters_of, SERVICES):
        return [_DEAD_LETTER]
    return [_REPLAYED] if topic.name in map(replay_of, SERVICES) else []


def _channel_ref(topic: str) -> Document:
    return {"$ref": f"#/channels/{topic}"}


def _message_refs(topic: str, names: Iterable[str]) -> list[Document]:
    return [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in names]


def _schema_ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


class _SharedSchemas:
    """Gathers the models that contracts are made of, so that each is described once."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def payload(self, event: type[Event]) -> Schema:
        """Return the schema of an event's value, with its parts among the shared ones."""
        whole = schema_of(event)
        parts: dict[str, Schema] = whole.pop("$defs", {})
        names = {part: self._name(part, schema, event) for part, schema in parts.items()}
        for part, schema in parts.items():
            self.schemas[names[part]] = _with_refs(schema, names)
        return {
            k: v for k, v in _with_refs(whole, names).items() if k not in ("$schema", "$id", "description")
        }

    def _name(self, part: str, schema: Schema, event: type[Event]) -> str:
        known = self.schemas.get(part)
        return part if known in (None, _with_refs(schema, {})) else f"{event.event_type}.{part}"


def _with_refs(node: Any, names: Mapping[str, str]) -> Any:
    """Return a copy in which references to ``$defs`` lead to the document's components."""
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str) and ref.startswith("#/$defs/"):
            part = ref.removeprefix("#/$defs/")
            return {**node, **_schema_ref(names.get(part, part))}
        return {key: _with_refs(value, names) for key, value in node.items()}
    return [_with_refs(each, names) for each in node] if isinstance(node, list) else node


def _text(description: str, **more: Any) -> Document:
    return {"type": "string", "description": description, **more}


_HEADERS: Document = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_sequence"],
    "properties": {
        "ce_specversion": {"const": SPEC_VERSION},
        "ce_id": _text("UUIDv7; UUIDv5 of rule and sources where the event is a conclusion", maxLength=200),
        "ce_type": _text("<service>.<aggregate>.<past tense>.v<N>"),
        "ce_source": _text("Who states it", pattern="^/shopstream/[a-z]+$"),
        "ce_time": _text("When it was stated", format="date-time"),
        "ce_sequence": _text("The aggregate's version after it; 0 for telemetry", pattern="^[0-9]+$"),
        "ce_traceparent": _text("W3C Trace Context"),
        "ce_correlationid": _text("One for everything that a single request set in motion"),
        "ce_causationid": _text("Id of the event that led to this one"),
        "content-type": {"const": "application/json"},
    },
}
_LETTER_HEADERS: Document = {
    "type": "object",
    "description": "The record's own headers, and notes on its failure.",
    "properties": {
        dead_letters.ORIGIN_TOPIC: _text("Topic it was first published in"),
        dead_letters.ORIGIN_PARTITION: _text("Its partition"),
        dead_letters.ORIGIN_OFFSET: _text("Its offset"),
        dead_letters.GROUP: _text("Who gave up on it"),
        dead_letters.REASON: _text("What went wrong, without values from the event"),
        dead_letters.TRIES: _text("How often it was tried"),
        dead_letters.FAILED_AT: _text("When it was given up", format="date-time"),
    },
}


_LOGINS: Document = {
    "password": {"type": "scramSha512", "description": "The login of a service, the operator or an analyst"},
    "certificate": {"type": "X509", "description": "A client certificate with the same name"},
}


def _letter(name: str, summary: str) -> Document:
    return {
        "name": name,
        "title": name.capitalize(),
        "summary": summary,
        "headers": _schema_ref("DeadLetterHeaders"),
        "payload": {"description": "The value as it came, whatever it is."},
        "bindings": {"kafka": _key("The key it came with")},
    }


_LETTERS = {
    _DEAD_LETTER: _letter(_DEAD_LETTER, "A record that a group gave up on"),
    _REPLAYED: _letter(_REPLAYED, "A record that a group is to take again, under its own event id"),
}
