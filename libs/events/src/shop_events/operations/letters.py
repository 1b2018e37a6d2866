"""Dead letters: find them, take them again, or let them be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shop_events import dead_letters as notes
from shop_events.envelope import Message
from shop_events.kafka import KafkaSettings
from shop_events.operations.masking import shown
from shop_events.operations.records import Record, read
from shop_events.operations.sending import Desk, Pace, Placed
from shop_events.topics import dead_letters, replay


class Outcome(StrEnum):
    """What an operator decided."""

    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. ``settled`` says what was decided about it, None: nothing yet."""

    record: Record
    settled: Outcome | None = None

    @property
    def group(self) -> str:
        """Who gave up on it."""
        return self.record.topic.removesuffix(".dead-letters.v1")

    @property
    def headers(self) -> Mapping[str, str]:
        """The record's headers, notes included."""
        return self.record.headers

    @property
    def origin(self) -> str:
        """The topic it was first published in; empty when that is not noted."""
        return self.headers.get(notes.ORIGIN_TOPIC, "")

    @property
    def reason(self) -> str:
        """Why, without values of the event."""
        return self.headers.get(notes.REASON, "")

    def as_json(self, *, reveal: bool = False) -> dict[str, Any]:
        """Return everything about it, its value masked as its origin demands."""
        about = self.record.as_json()
        about |= {name: text for name, text in self.headers.items() if name.startswith("dl_")}
        data = shown(self.record.value, self.origin, reveal=reveal)
        return {**about, "settled": self.settled, "data": data}


@dataclass(frozen=True, slots=True)
class Which:
    """Which letters are meant; what is None is not looked at.

    Args:
        event_id: the event's id (several letters may have it, when it was replayed in vain).
        event_type: its CloudEvents type.
        reason: part of the reason, in any case.
        since: given up at this time or later.
        settled: also those about which something was decided.
    """

    event_id: str | None = None
    event_type: str | None = None
    reason: str | None = None
    since: datetime | None = None
    settled: bool = False

    def takes(self, letter: Letter) -> bool:
        """Say whether a letter is meant."""
        record = letter.record
        return (
            (self.settled or letter.settled is None)
            and self.event_id in (None, record.event_id)
            and self.event_type in (None, record.event_type)
            and (self.reason or "").lower() in letter.reason.lower()
            and (self.since is None or record.at >= self.since)
        )


async def letters(kafka: KafkaSettings, group: str, which: Which) -> AsyncIterator[Letter]:
    """Yield the letters of a group, oldest first, as things stand now.

    Reads the topic twice: what was decided stands behind the letters, and only decisions are held in memory.

    Raises UnknownTopic, TopicUnreadable, KafkaError.
    """
    decided = [each async for each in _settlements(kafka, group)]
    known = dict(decided)
    async for record in read(kafka, dead_letters(group)):
        if notes.settles(record.headers) is None:
            letter = Letter(record, known.get((record.partition, record.offset)))
            if which.takes(letter):
                yield letter


async def settle(
    kafka: KafkaSettings, group: str, which: Which, outcome: Outcome, pace: Pace
) -> AsyncIterator[Letter]:
    """Decide about the open letters that are meant, and yield each one once that is committed.

    A replayed letter goes to the group's replay topic under its own event id, in one transaction with the
    note that it did. Raises as :func:`letters` does, and ProducerFenced when somebody else began meanwhile.
    """
    async with Desk.taken(kafka, group) as desk:
        batch: list[Letter] = []
        async for letter in letters(kafka, group, which):
            if letter.settled is None:
                batch.append(letter)
            if len(batch) >= pace.at_once:
                async for done in _decide(desk, batch, outcome, pace):
                    yield done
                batch = []
        async for done in _decide(desk, batch, outcome, pace):
            yield done


async def _decide(desk: Desk, batch: list[Letter], outcome: Outcome, pace: Pace) -> AsyncIterator[Letter]:
    records = [record for letter in batch for record in _records(letter, outcome)]
    if records:
        await desk.send(records)
        for letter in batch:
            yield letter
        await pace.passed(len(batch))


def _records(letter: Letter, outcome: Outcome) -> list[Placed]:
    record = letter.record
    note = notes.settlement(letter.group, record.key, record.offset, outcome)
    settled = [Placed(note, record.partition)]
    if outcome is Outcome.REPLAYED:
        again = Message(replay(letter.group), record.key, record.headers, record.value)
        return [Placed(again), *settled]
    return settled


async def _settlements(kafka: KafkaSettings, group: str) -> AsyncIterator[tuple[tuple[int, int], Outcome]]:
    async for record in read(kafka, dead_letters(group)):
        offset = notes.settles(record.headers)
        if offset is not None:
            yield (record.partition, offset), Outcome(record.headers[notes.SETTLED])
