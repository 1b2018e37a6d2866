"""Where failed events wait, in order, without blocking others.

The first failed event of a key is its head: it has a time at which it is tried again. Later events of the key
queue behind it. Whoever queues behind a head writes to it, so that a head cannot leave at the same moment and
strand the newcomer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import Binary
from pymongo import ASCENDING, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from shop_events import clock
from shop_events.deliveries import Delivery, Origin
from shop_events.envelope import Message
from shop_events.unit_of_work import UnitOfWork

PARKED = "parked"
_FIRST_PAUSE = timedelta(milliseconds=100)
_LONGEST_PAUSE = timedelta(seconds=60)
_CLAIM = timedelta(seconds=30)

Row = dict[str, Any]


async def held(uow: UnitOfWork, order_keys: Collection[str]) -> dict[str, set[str]]:
    """Return, for those of ``order_keys`` that wait, the ids of the events parked there."""
    # Nearly always nothing waits at all, and to learn that costs much less than to look for each key.
    if await uow.db[PARKED].find_one({}, {"_id": 1}, session=uow.session) is None:
        return {}
    found = uow.db[PARKED].find(
        {"order_key": {"$in": list(order_keys)}}, {"order_key": 1}, session=uow.session
    )
    waiting: dict[str, set[str]] = {}
    async for row in found:
        waiting.setdefault(row["order_key"], set()).add(row["_id"])
    return waiting


async def park(uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
    """Make a failed event the head of its key."""
    now = clock.now()
    row = _row(delivery) | {"due_at": now + _FIRST_PAUSE, "tries": 1, "reason": reason, "failed_at": now}
    await uow.db[PARKED].insert_one(row, session=uow.session)


async def queue_behind(uow: UnitOfWork, delivery: Delivery) -> None:
    """Let an event wait behind the head of its key."""
    await uow.db[PARKED].update_one(
        {"order_key": delivery.order_key, "head": True}, {"$inc": {"behind": 1}}, session=uow.session
    )
    await uow.db[PARKED].insert_one(_row(delivery) | {"head": False}, session=uow.session)


async def claim_due(db: AsyncDatabase[Any]) -> Row | None:
    """Take one head whose time has come; for the length of a claim nobody else gets it."""
    now = clock.now()
    return await db[PARKED].find_one_and_update(
        {"head": True, "due_at": {"$lte": now}},
        {"$set": {"due_at": now + _CLAIM}},
        sort=[("due_at", ASCENDING)],
        return_document=ReturnDocument.AFTER,
    )


async def leave(uow: UnitOfWork, row: Row) -> bool:
    """Take a claimed head out and let the next of its key come forward; False when it is no longer ours."""
    gone = await uow.db[PARKED].delete_one({"_id": row["_id"], "due_at": row["due_at"]}, session=uow.session)
    if gone.deleted_count == 0:
        return False
    now = clock.now()
    await uow.db[PARKED].find_one_and_update(
        {"order_key": row["order_key"]},
        {"$set": {"head": True, "tries": 0, "due_at": now, "failed_at": now}},
        sort=[("order", ASCENDING), ("_id", ASCENDING)],
        session=uow.session,
    )
    return True


async def postpone(db: AsyncDatabase[Any], row: Row, reason: str) -> None:
    """Try a claimed head again after a pause that doubles with each try."""
    pause = pause_after(row["tries"])
    await db[PARKED].update_one(
        {"_id": row["_id"], "due_at": row["due_at"]},
        {"$set": {"due_at": clock.now() + pause, "reason": reason}, "$inc": {"tries": 1}},
    )


async def excuse(db: AsyncDatabase[Any], row: Row, reason: str) -> None:
    """Note that a try failed of MongoDB: it does not count, and the next one comes when the claim lapses."""
    await db[PARKED].update_one({"_id": row["_id"], "due_at": row["due_at"]}, {"$set": {"reason": reason}})


def waited(tries: int) -> timedelta:
    """Return for how long an event that failed so often has waited between its tries.

    Time in which nobody could try it, because the consumer or MongoDB was away, is no part of its patience.
    """
    return sum(map(pause_after, range(tries)), timedelta())


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries: it doubles up to a minute."""
    return min(_FIRST_PAUSE * (1 << min(tries, 20)), _LONGEST_PAUSE)


async def hold(uow: UnitOfWork, row: Row) -> bool:
    """Keep a given-up head where it is until an operator decides; False when it is no longer ours."""
    held = await uow.db[PARKED].update_one(
        {"_id": row["_id"], "due_at": row["due_at"]},
        {"$set": {"given_up": True}, "$unset": {"due_at": ""}},
        session=uow.session,
    )
    return held.matched_count == 1


async def revive(uow: UnitOfWork, event_id: str) -> None:
    """Try a head that was given up on again, for as long as a fresh one: an operator asked for it."""
    now = clock.now()
    await uow.db[PARKED].update_one(
        {"_id": event_id, "given_up": True},
        {"$set": {"due_at": now, "failed_at": now, "tries": 0}, "$unset": {"given_up": ""}},
        session=uow.session,
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many keys wait, counted up to a limit, and about how many events."""

    keys: int
    events: int


async def count(db: AsyncDatabase[Any], limit: int) -> Waiting:
    """Count what waits; no more than ``limit`` keys are looked at."""
    keys = await db[PARKED].count_documents({"head": True}, limit=limit)
    return Waiting(keys, await db[PARKED].estimated_document_count() if keys else 0)


async def next_due(db: AsyncDatabase[Any]) -> datetime | None:
    """Return when the next head is to be tried; None when none ever is."""
    first = await db[PARKED].find_one(
        {"head": True, "due_at": {"$exists": True}}, {"due_at": 1}, sort=[("due_at", ASCENDING)]
    )
    return first and first["due_at"]


async def try_now(db: AsyncDatabase[Any], event_id: str) -> bool:
    """Make a head due, given up or not; whoever has claimed it at this moment loses the claim."""
    now = clock.now()
    found = await db[PARKED].update_one(
        {"_id": event_id, "head": True},
        {"$set": {"due_at": now, "failed_at": now, "tries": 0}, "$unset": {"given_up": ""}},
    )
    return found.matched_count == 1


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Create the indexes of the collection."""
    await db[PARKED].create_index([("order_key", ASCENDING), ("order", ASCENDING)])
    await db[PARKED].create_index([("head", ASCENDING), ("due_at", ASCENDING)])


def message_of(row: Row) -> tuple[Message, Origin]:
    """Return the record of a parked row and where it came from."""
    origin = Origin(**row["origin"])
    value = None if row["value"] is None else bytes(row["value"])
    return Message(origin.topic, row["key"], row["headers"], value), origin


def _row(delivery: Delivery) -> Row:
    value = delivery.message.value
    origin = delivery.origin
    return {
        "_id": delivery.id,
        "order_key": delivery.order_key,
        "order": origin.offset,
        "head": True,
        "origin": {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset},
        "key": delivery.message.key,
        "headers": dict(delivery.message.headers),
        "value": None if value is None else Binary(value),
        "replayed": delivery.replayed,
        "behind": 0,
    }
