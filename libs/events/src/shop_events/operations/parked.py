"""Parked events of one service's database: what waits, why, and for how long; try it now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.operations.masking import shown
from shop_events.parking import PARKED, message_of, try_now


@dataclass(frozen=True, slots=True)
class Head:
    """The first parked event of a key.

    Args:
        tries: how often it was tried so far.
        due_at: when it is tried again; None when it was given up on and holds its key.
        behind: how many events of the key wait behind it.
    """

    event_id: str
    event_type: str
    topic: str
    key: str
    reason: str
    tries: int
    failed_at: datetime | None
    due_at: datetime | None
    behind: int


async def heads(db: AsyncDatabase[Any], event_type: str | None, most: int) -> AsyncIterator[Head]:
    """Yield up to ``most`` heads, those that have failed longest first."""
    wanted: dict[str, Any] = {"head": True}
    if event_type is not None:
        wanted["headers.ce_type"] = event_type
    found = db[PARKED].find(wanted, {"value": 0}).sort("failed_at", ASCENDING).limit(most)
    async for row in found:
        behind = await db[PARKED].count_documents({"order_key": row["order_key"], "head": False})
        yield _head(row, behind)


async def one(db: AsyncDatabase[Any], event_id: str, *, reveal: bool) -> dict[str, Any] | None:
    """Return everything about a parked event, masked as its topic demands; None when it is not parked."""
    row = await db[PARKED].find_one({"_id": event_id})
    if row is None:
        return None
    message, origin = message_of(row)
    kept = ("head", "tries", "reason", "failed_at", "due_at", "behind", "replayed", "given_up")
    return {
        "event_id": event_id,
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "key": message.key,
        "headers": dict(message.headers),
        **{name: _plain(row[name]) for name in kept if name in row},
        "data": shown(message.value, origin.topic, reveal=reveal),
    }


async def retry(db: AsyncDatabase[Any], event_id: str) -> bool:
    """Have a head tried now, as patiently as a fresh one; False when it is no head (any more)."""
    return await try_now(db, event_id)


def _head(row: dict[str, Any], behind: int) -> Head:
    return Head(
        event_id=row["_id"],
        event_type=row["headers"].get("ce_type", ""),
        topic=row["origin"]["topic"],
        key=row["key"],
        reason=row.get("reason", ""),
        tries=row.get("tries", 0),
        failed_at=row.get("failed_at"),
        due_at=row.get("due_at"),
        behind=behind,
    )


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
