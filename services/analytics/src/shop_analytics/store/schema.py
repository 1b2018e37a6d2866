"""The collections of analytics, the indexes that find their documents, and which of them are read models."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from shop_analytics.store.alerts import ALERTS
from shop_analytics.store.attention import ATTENTION
from shop_analytics.store.pairs import CO_PURCHASES, CO_VIEWS
from shop_analytics.store.positions import POSITIONS
from shop_analytics.store.purchases import PURCHASES
from shop_analytics.store.scores import PROGRESS, SCORES
from shop_analytics.store.seen import SEEN
from shop_analytics.store.shelf import PRODUCTS, STOCK
from shop_analytics.store.states import VISITORS, WATCHES
from shop_analytics.store.suggestions import SUGGESTION_VERSIONS, SUGGESTIONS
from shop_analytics.store.tallies import DAYS, TALLIES

REBUILT: Final = (
    POSITIONS,
    SEEN,
    ATTENTION,
    VISITORS,
    WATCHES,
    TALLIES,
    DAYS,
    CO_PURCHASES,
    CO_VIEWS,
    PURCHASES,
)
"""What the streams make: dropped together, they are made again from the topics."""

KEPT: Final = (ALERTS, SUGGESTIONS, SUGGESTION_VERSIONS, SCORES, PROGRESS, PRODUCTS, STOCK)

_UNTOUCHED = int(timedelta(days=60).total_seconds())
_LONG_AGO = int(timedelta(days=400).total_seconds())
_EXPIRES = IndexModel([("expires_at", ASCENDING)], name="expired", expireAfterSeconds=0)
_FORGOTTEN = IndexModel([("touched_at", ASCENDING)], name="forgotten", expireAfterSeconds=_UNTOUCHED)
_COMPANIONS = IndexModel(
    [("products", ASCENDING), ("together", DESCENDING), ("_id", ASCENDING)], name="companions_in_order"
)

_INDEXES: dict[str, list[IndexModel]] = {
    SEEN: [_EXPIRES],
    ATTENTION: [
        _EXPIRES,
        IndexModel([("waiting.product_id", ASCENDING)], name="waiting", sparse=True),
    ],
    PRODUCTS: [IndexModel([("told_at", ASCENDING)], name="told")],
    VISITORS: [_FORGOTTEN],
    WATCHES: [_FORGOTTEN],
    TALLIES: [
        IndexModel([("product_id", ASCENDING)], name="of_a_product"),
        IndexModel([("touched_at", ASCENDING)], name="touched"),
    ],
    DAYS: [IndexModel([("day", ASCENDING)], name="by_day")],
    CO_PURCHASES: [_COMPANIONS],
    CO_VIEWS: [_COMPANIONS],
    PURCHASES: [
        IndexModel(
            [("user_id", ASCENDING), ("times", DESCENDING), ("last_at", DESCENDING)], name="favourites"
        )
    ],
    ALERTS: [
        IndexModel([("until", ASCENDING)], name="open", partialFilterExpression={"open": True}),
        IndexModel(
            [("until", ASCENDING)],
            name="forgotten",
            partialFilterExpression={"open": False},
            expireAfterSeconds=_LONG_AGO,
        ),
    ],
    SUGGESTIONS: [
        IndexModel([("due_at", ASCENDING)], name="due", partialFilterExpression={"outcome": None}),
        IndexModel(
            [("closed_at", ASCENDING)],
            name="forgotten",
            expireAfterSeconds=_LONG_AGO,
        ),
    ],
    SCORES: [
        IndexModel([("rank", DESCENDING)], name="most_popular", sparse=True),
        IndexModel([("checked_at", ASCENDING)], name="checked"),
    ],
}


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Create collections and indexes that are missing; again is harmless."""
    for name in (*REBUILT, *KEPT):
        with suppress(CollectionInvalid):
            await db.create_collection(name)
        if name in _INDEXES:
            await db[name].create_indexes(_INDEXES[name])


async def drop_read_models(db: AsyncDatabase[Any]) -> None:
    """Forget what the streams made, positions included; only while no worker runs."""
    for name in REBUILT:
        await db.drop_collection(name)
    await migrate(db)
