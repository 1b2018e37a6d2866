"""Renders the AsyncAPI document as one static page: no script, no foreign origin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

Document = dict[str, Any]

_KEPT = {"retention.ms": "kept {0}", "delete.retention.ms": "tombstones kept {0}"}
_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "format")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a value or of its parts, as a row of a table."""

    place: str
    kind: str
    required: bool
    about: str
    personal: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One event type."""

    name: str
    title: str
    about: str
    tombstone: bool
    fields: list[Field]
    example: str | None


@dataclass(frozen=True, slots=True)
class Topic:
    """One channel with who sends and who receives what."""

    address: str
    title: str
    description: str
    closed: bool
    facts: list[str]
    senders: list[str]
    receivers: dict[str, list[str]]
    messages: list[Message]


def page(document: Document) -> str:
    """Return the page's HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    reader = _Reader(document)
    topics = [reader.topic(name) for name in document["channels"]]
    headers = list(reader.fields(document["components"]["schemas"]["CloudEventHeaders"], ""))
    return environment.get_template("events.html.j2").render(
        info=document["info"], topics=topics, headers=headers
    )


class _Reader:
    """Looks things up in a document."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def topic(self, name: str) -> Topic:
        channel = self._document["channels"][name]
        kafka = channel["bindings"]["kafka"]
        return Topic(
            address=channel["address"],
            title=channel["title"],
            description=channel["description"],
            closed=channel["x-sensitivity"] != "open",
            facts=[f"{kafka['partitions']} partitions", *_kept(kafka["topicConfiguration"])],
            senders=[service for service, _ in self._operations(name, "send")],
            receivers=dict(self._operations(name, "receive")),
            messages=[self._message(self._follow(each)) for each in channel["messages"].values()],
        )

    def _operations(self, channel: str, action: str) -> Iterator[tuple[str, list[str]]]:
        for operation in self._document["operations"].values():
            if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{channel}":
                names = [each["$ref"].rpartition("/")[2] for each in operation["messages"]]
                yield operation["tags"][0]["name"], names

    def _message(self, message: Document) -> Message:
        payload = message["payload"]
        examples = message.get("examples")
        return Message(
            name=message["name"],
            title=message["title"],
            about=message.get("description") or message["summary"],
            tombstone=payload.get("type") == "null",
            fields=list(self.fields(payload, "")),
            example=json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else None,
        )

    def fields(self, schema: Document, place: str) -> Iterator[Field]:
        """Yield the fields of an object, each followed by those of its parts."""
        for name, found in schema.get("properties", {}).items():
            inner = self._follow(found)
            here = f"{place}{name}"
            yield Field(
                here,
                self._kind(inner),
                name in schema.get("required", ()),
                inner.get("description", ""),
                bool(inner.get("x-personal")),
            )
            items = self._follow(inner.get("items", {}))
            yield from self.fields(inner, f"{here}.")
            yield from self.fields(items, f"{here}[].")

    def _kind(self, schema: Document) -> str:
        schema = self._follow(schema)
        if "anyOf" in schema:
            return " or ".join(self._kind(each) for each in schema["anyOf"])
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(map(json.dumps, schema["enum"]))
        if schema.get("type") == "array":
            return f"list of {self._kind(schema.get('items', {}))}"
        bounds = ", ".join(f"{name} {schema[name]}" for name in _BOUNDS if name in schema)
        kind = schema.get("title") or schema.get("type", "anything")
        return f"{kind} ({bounds})" if bounds else kind

    def _follow(self, node: Document) -> Document:
        if "$ref" not in node:
            return node
        target: Any = self._document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return self._follow({**target, **{key: value for key, value in node.items() if key != "$ref"}})


def _kept(configuration: Document) -> Iterator[str]:
    yield (
        "compacted: the newest record of each key stays"
        if configuration["cleanup.policy"] == ["compact"]
        else "a log"
    )
    for name, words in _KEPT.items():
        if (milliseconds := configuration.get(name)) is not None:
            yield words.format(_span(milliseconds))


def _span(milliseconds: int) -> str:
    if milliseconds < 0:
        return "for ever"
    span = timedelta(milliseconds=milliseconds)
    return f"{span.days} days" if span.days else f"{span.seconds // 3600} h"
