"""Renders the AsyncAPI document as one static page: no script, no foreign origin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shop_events.fields import Field, Schema, fields, follow

Document = dict[str, Any]

_KEPT = {"retention.ms": "kept {0}", "delete.retention.ms": "tombstones kept {0}"}


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
    headers = list(fields(document["components"]["schemas"]["CloudEventHeaders"], document))
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
            messages=[self._message(follow(each, self._document)) for each in channel["messages"].values()],
        )

    def _operations(self, channel: str, action: str) -> Iterator[tuple[str, list[str]]]:
        for operation in self._document["operations"].values():
            if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{channel}":
                names = [each["$ref"].rpartition("/")[2] for each in operation["messages"]]
                yield operation["tags"][0]["name"], names

    def _message(self, message: Schema) -> Message:
        payload = message["payload"]
        examples = message.get("examples")
        return Message(
            name=message["name"],
            title=message["title"],
            about=message.get("description") or message["summary"],
            tombstone=payload.get("type") == "null",
            fields=list(fields(payload, self._document)),
            example=json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else None,
        )


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
