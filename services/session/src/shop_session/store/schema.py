"""Session's collections: their names, and the indexes that find and forget."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from shop_events.partial_indexes import ANY_TIME

SESSIONS: Final = "sessions"
REVOCATIONS: Final = "revocations"
CARTS: Final = "carts"
REQUESTS: Final = "requests"
STATES: Final = "states"
STATE_NAMES: Final = "state_names"
ATTENTION: Final = "attention"
PRODUCTS: Final = "products"
ORDERS: Final = "orders"
CONTACTS: Final = "contacts"

_LEFT_OVER = timedelta(days=7)


def _forgotten(field: str, after: timedelta = timedelta()) -> IndexModel:
    return IndexModel([(field, ASCENDING)], name="forgotten", expireAfterSeconds=int(after.total_seconds()))


def _of(field: str, *more: tuple[str, int]) -> IndexModel:
    return IndexModel([(field, ASCENDING), *more], name=f"of_{field}")


# Expired sessions are ended by a job, which tells others; the index is for what no job has come to.
_INDEXES: dict[str, list[IndexModel]] = {
    SESSIONS: [
        IndexModel([("digest", ASCENDING)], name="one_for_a_string", unique=True),
        _of("user_id"),
        _of("family_id"),
        _forgotten("idle_until", _LEFT_OVER),
    ],
    REVOCATIONS: [_forgotten("kept_until")],
    CARTS: [
        _forgotten("kept_until", _LEFT_OVER),
        IndexModel(
            [("untouched_since", ASCENDING)],
            name="waiting",
            partialFilterExpression={"untouched_since": ANY_TIME},
        ),
    ],
    REQUESTS: [_forgotten("kept_until")],
    STATES: [
        IndexModel([("owner", ASCENDING), ("name", ASCENDING)], name="one_for_a_name", unique=True),
        _forgotten("kept_until", _LEFT_OVER),
    ],
    STATE_NAMES: [_forgotten("kept_until", _LEFT_OVER)],
    ATTENTION: [_forgotten("kept_until", _LEFT_OVER)],
    PRODUCTS: [],
    ORDERS: [_of("user_id", ("_id", DESCENDING))],
    CONTACTS: [],
}


_REPLACED = {CARTS: ["untouched"]}


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Create the collections and indexes that are missing; again is harmless."""
    for name, indexes in _INDEXES.items():
        with suppress(CollectionInvalid):
            await db.create_collection(name)
        if indexes:
            await db[name].create_indexes(indexes)
    for name, outdated in _REPLACED.items():
        for index in (await db[name].index_information()).keys() & set(outdated):
            await db[name].drop_index(index)
