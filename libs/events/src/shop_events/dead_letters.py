"""Dead letters: the record as it came, with notes in headers on where from, why and after how many tries."""

from __future__ import annotations

from collections.abc import Mapping

from shop_events import clock
from shop_events.envelope import Message
from shop_events.outbox import LARGEST_VALUE
from shop_events.topics import dead_letters

ORIGIN_TOPIC = "dl_topic"
ORIGIN_PARTITION = "dl_partition"
ORIGIN_OFFSET = "dl_offset"
GROUP = "dl_group"
REASON = "dl_reason"
TRIES = "dl_tries"
FAILED_AT = "dl_failed_at"
VALUE = "dl_value"


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
    if value is not None and len(value) > LARGEST_VALUE:
        notes[VALUE] = "too large: read it at its origin"
        value = None
    return Message(dead_letters(group), message.key, {**message.headers, **notes}, value)


def without_notes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers as they were before the record became a dead letter."""
    return {name: value for name, value in headers.items() if not name.startswith("dl_")}
