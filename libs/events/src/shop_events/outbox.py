"""The outbox: rows written in the transaction of the state they tell about, published by the relay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import Binary
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.envelope import Message
from shop_events.ids import new_event_id, time_of

OUTBOX = "outbox"
LARGEST_VALUE = 900_000
"""Bytes a value may have: brokers take records of up to one MiB, and one they refuse would block the rest."""


class EventTooLarge(ValueError):
    """The event would not fit into a topic; the use case that wants to publish it must fail instead."""


def row_of(message: Message, sequence: int = 0) -> dict[str, Any]:
    """Return the outbox row for a record.

    Raises:
        EventTooLarge: its value has more than :data:`LARGEST_VALUE` bytes.
    """
    if message.value is not None and len(message.value) > LARGEST_VALUE:
        raise EventTooLarge(f"{len(message.value)} bytes for {message.topic}")
    return {
        "_id": new_event_id(),
        "topic": message.topic,
        "key": message.key,
        "sequence": sequence,
        "headers": dict(message.headers),
        "value": None if message.value is None else Binary(message.value),
    }


def message_of(row: dict[str, Any]) -> Message:
    """Return the record of an outbox row."""
    value = row["value"]
    return Message(row["topic"], row["key"], row["headers"], None if value is None else bytes(value))


async def append(db: AsyncDatabase[Any], session: AsyncClientSession, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows as part of the session's transaction."""
    rows = list(rows)
    if rows:
        await db[OUTBOX].insert_many(rows, session=session)


@dataclass(frozen=True, slots=True)
class Depth:
    """How many rows wait to be published (about), and for how many seconds the oldest one has."""

    rows: int
    oldest_age: float


async def depth(db: AsyncDatabase[Any]) -> Depth:
    """Say what waits in the outbox; neither question reads more than one row."""
    oldest = await db[OUTBOX].find_one({}, {"_id": 1}, sort=[("_id", 1)])
    if oldest is None:
        return Depth(0, 0.0)
    age = (datetime.now(UTC) - time_of(oldest["_id"])).total_seconds()
    return Depth(max(await db[OUTBOX].estimated_document_count(), 1), max(age, 0.0))
