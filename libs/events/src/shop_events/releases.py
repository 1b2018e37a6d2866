"""The last released contracts, and what the present ones would break.

A folder of released contracts holds ``schemas/<type>.json``, ``topics.json`` and
``fixtures/<release>/<type>.json``: records as that release wrote them, which must decode for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from shop_events.compatibility import Refusal, losses, refusals
from shop_events.envelope import Message
from shop_events.schemas import Schema, schemas, to_text
from shop_events.topics import TOPICS, Topic

_ROW = ("owner", "key", "kind", "partitions")


class Side(StrEnum):
    """Who is broken: old readers by what is written from now on, or new readers by what is in the topic."""

    OLD_READERS = "old readers, new records"
    NEW_READERS = "new readers, old records"
    BOTH = "everybody"


@dataclass(frozen=True, slots=True)
class Break:
    """Something that a change of the contracts would break.

    Args:
        subject: the event type or topic.
        place: the field, empty where it is about the whole.
        side: which readers cannot go on.
        what: what is wrong and what it leads to, in a sentence.
        readers: the services that the registry names as readers.
    """

    subject: str
    place: str
    side: Side
    what: str
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contracts:
    """All schemas by event type, and the rows of the registry by topic, as plain JSON."""

    schemas: Mapping[str, Schema]
    topics: Mapping[str, Mapping[str, Any]]

    @classmethod
    def current(cls) -> Contracts:
        """Return what the code says."""
        return cls(schemas(), {name: _row(topic) for name, topic in TOPICS.items()})

    @classmethod
    def released(cls, folder: Path) -> Contracts:
        """Return what was released last. Raises FileNotFoundError when there is no release in ``folder``."""
        topics = json.loads((folder / "topics.json").read_text())
        files = sorted((folder / "schemas").glob("*.json"))
        return cls({file.stem: json.loads(file.read_text()) for file in files}, topics)

    def write(self, folder: Path) -> None:
        """Make ``folder`` hold these contracts and no others."""
        (folder / "schemas").mkdir(parents=True, exist_ok=True)
        for file in (folder / "schemas").glob("*.json"):
            file.unlink()
        for event_type, schema in self.schemas.items():
            (folder / "schemas" / f"{event_type}.json").write_text(to_text(schema))
        (folder / "topics.json").write_text(to_text(self.topics))


def breaks(released: Contracts, current: Contracts) -> list[Break]:
    """Return what ``current`` would break for those who run, or have written, what was released."""
    found: list[Break] = []
    for name, row in released.topics.items():
        found += _topic_breaks(name, row, current.topics.get(name))
    for event_type, schema in released.schemas.items():
        found += _type_breaks(event_type, schema, current.schemas.get(event_type))
    return found


def missing_fixtures(released: Contracts, current: Contracts, fixtures: Path) -> list[str]:
    """Return the new and changed event types of which ``fixtures`` (of the coming release) has no record."""
    changed = (name for name, schema in current.schemas.items() if released.schemas.get(name) != schema)
    return [name for name in changed if not (fixtures / f"{name}.json").exists()]


def read_fixture(file: Path) -> Message:
    """Return the record of a fixture: topic, key, headers and the value as JSON."""
    kept = json.loads(file.read_text())
    value = None if kept["value"] is None else json.dumps(kept["value"]).encode()
    return Message(kept["topic"], kept["key"], kept["headers"], value)


def newest_fixtures(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the newest record of each event type, as its file holds it."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("fixtures/*/*.json"), key=lambda file: _version(file.parent.name)):
        found[file.stem] = json.loads(file.read_text())
    return found


def _version(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def _row(topic: Topic) -> dict[str, Any]:
    return {name: getattr(topic, name) for name in _ROW}


def _readers(topic: str) -> tuple[str, ...]:
    return TOPICS[topic].readers if topic in TOPICS else ()


def _topic_breaks(name: str, old: Mapping[str, Any], new: Mapping[str, Any] | None) -> Iterator[Break]:
    consequences = {
        "owner": "two services would write it, or none",
        "key": "what belongs together loses its order, and compaction keeps the wrong records",
        "kind": "what readers take for complete would expire, or what is to expire would stay",
        "partitions": "keys would move to other partitions and lose their order; take a new topic version",
    }
    if new is None:
        yield Break(name, "", Side.BOTH, "the topic is gone: its readers wait for ever", _readers(name))
        return
    for part, consequence in consequences.items():
        if old[part] != new[part]:
            what = f"its {part} was {old[part]} and would be {new[part]}: {consequence}"
            yield Break(name, part, Side.BOTH, what, _readers(name))


def _type_breaks(event_type: str, old: Schema, new: Schema | None) -> Iterator[Break]:
    readers = _readers(old["x-topic"])
    if new is None:
        what = "the event is gone: nobody publishes it any more, and what is in the topic cannot be decoded"
        yield Break(event_type, "", Side.BOTH, what, readers)
        return
    for mark, what in (
        ("x-topic", "it moves from the topic {0} to {1}: readers of the old one do not see it"),
        ("x-key", "its key was {0} and would be {1}: order and compaction would be by another id"),
        (
            "x-tombstone",
            "a null value said {0} to being a tombstone and would say {1}: compaction keeps others",
        ),
    ):
        if old[mark] != new[mark]:
            yield Break(event_type, "", Side.BOTH, what.format(old[mark], new[mark]), readers)
    yield from _for_old_readers(event_type, old, new, readers)
    for refusal in refusals(writer=old, reader=new):
        what = f"{_field(refusal)} {refusal.what}, in records that are in the topic already"
        yield Break(event_type, refusal.place, Side.NEW_READERS, what, readers)


def _for_old_readers(event_type: str, old: Schema, new: Schema, readers: tuple[str, ...]) -> Iterator[Break]:
    for refusal in refusals(writer=new, reader=old):
        what = f"{_field(refusal)} {refusal.what}, in records that are published from now on"
        yield Break(event_type, refusal.place, Side.OLD_READERS, what, readers)
    for loss in losses(writer=new, reader=old):
        what = f"{_field(loss)} {loss.what}: readers take its default and do not notice"
        yield Break(event_type, loss.place, Side.OLD_READERS, what, readers)


def _field(refusal: Refusal) -> str:
    return f"`{refusal.place}`" if refusal.place else "the value"
