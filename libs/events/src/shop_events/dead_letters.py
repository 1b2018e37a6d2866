"""Dead letters: the record as it came, with notes in headers on where from, why and after how many tries.

What an operator decided about a letter (replayed, dropped) is a record in the same topic and partition, a
settlement: it names the letter's offset, and retention takes it after the letter.
"""

from __future__ import annotations

from collections.abc import Mapping

from shop_events import clock
from shop_events.envelope import Message
from shop_events.outbox import LARGEST_VALUE
from shop_events.topics import TOPICS, Sensitivity, dead_letters

ORIGIN_TOPIC = "dl_topic"
ORIGIN_PARTITION = "dl_partition"
ORIGIN_OFFSET = "dl_offset"
GROUP = "dl_group"
REASON = "dl_reason"
TRIES = "dl_tries"
FAILED_AT = "dl_failed_at"
VALUE = "dl_value"

SETTLED = "dl_settled"
SETTLED_OFFSET = "dl_settled_offset"
SETTLED_AT = "dl_settled_at"


def letter(message: Message, place: tuple[str, int, int], group: str, reason: str, tries: int) -> Message:
    """Return the dead letter for a record.

    Args:
        message: the record that ``group`` gives up on.
        place: its topic (without prefix), partition and offset.
        group: the consumer group.
        reason: what went wrong, without values from the event.
        tries: how often it was tried.
    """
    notes = {
        ORIGIN_TOPIC: place[0],
        ORIGIN_PARTITION: str(place[1]),
        ORIGIN_OFFSET: str(place[2]),
        GROUP: group,
        REASON: reason[:500],
        TRIES: str(tries),
        FAILED_AT: clock.now().isoformat(),
    }
    value = message.value
    if value is not None and (why := _kept_out(place[0], value)):
        notes[VALUE] = f"{why}: read it at its origin"
        value = None
    return Message(dead_letters(group), message.key, {**message.headers, **notes}, value)


def settlement(group: str, key: str, offset: int, outcome: str) -> Message:
    """Return the record that says what became of the letter at ``offset`` (same topic and partition)."""
    headers = {
        SETTLED: outcome,
        SETTLED_OFFSET: str(offset),
        SETTLED_AT: clock.now().isoformat(),
        GROUP: group,
    }
    return Message(dead_letters(group), key, headers, None)


def settles(headers: Mapping[str, str]) -> int | None:
    """Return the offset of the letter that a record settles; None when it is a letter itself."""
    offset = headers.get(SETTLED_OFFSET, "")
    return int(offset) if SETTLED in headers and offset.isdecimal() else None


def without_notes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers as they were before the record became a dead letter."""
    return {name: value for name, value in headers.items() if not name.startswith("dl_")}


def _kept_out(topic: str, value: bytes) -> str | None:
    """Say why a letter has no value: operators read letters, and longer than a secret is to be anywhere."""
    if topic in TOPICS and TOPICS[topic].sensitivity is Sensitivity.SECRET:
        return "secret"
    return "too large" if len(value) > LARGEST_VALUE else None
