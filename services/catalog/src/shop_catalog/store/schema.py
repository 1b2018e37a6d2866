"""The collections of catalog: what they must hold, and the indexes that find it."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from shop_catalog.domain.orders import OrderStatus
from shop_catalog.store.orders import ORDERS
from shop_catalog.store.payments import EVENTS_KEPT, PAYMENT_EVENTS, PAYMENT_REVERSALS
from shop_catalog.store.products import PRODUCTS, UNRATED
from shop_catalog.store.stock import STOCK, STOCK_ADJUSTMENTS

_COUNT = {"bsonType": ["int", "long"], "minimum": 0}
_MONEY = {"bsonType": "object", "required": ["amount", "currency"], "properties": {"amount": _COUNT}}
_TEXT = {"bsonType": "string", "minLength": 1}

_VALIDATORS: dict[str, dict[str, Any]] = {
    PRODUCTS: {
        "required": ["sku", "title", "price", "available", "deleted", "version", "request"],
        "properties": {"sku": _TEXT, "title": _TEXT, "price": _MONEY, "version": _COUNT},
    },
    STOCK: {"required": ["left", "version"], "properties": {"left": _COUNT, "version": _COUNT}},
    STOCK_ADJUSTMENTS: {
        "required": ["product_id", "delta", "left", "request"],
        "properties": {"left": _COUNT},
    },
    ORDERS: {
        "required": ["customer_id", "request", "lines", "total", "status", "history", "version"],
        "properties": {
            "total": _MONEY,
            "status": {"enum": [status.value for status in OrderStatus]},
            "lines": {"bsonType": "array", "minItems": 1},
        },
    },
    PAYMENT_EVENTS: {"required": ["order_id", "settled"]},
    PAYMENT_REVERSALS: {"required": ["order_id", "state", "check"]},
}

_ONE_FOR_A_REQUEST = IndexModel(
    [("request.user_id", ASCENDING), ("request.key", ASCENDING)], name="one_for_a_request", unique=True
)
_INDEXES: dict[str, list[IndexModel]] = {
    PRODUCTS: [
        _ONE_FOR_A_REQUEST,
        IndexModel(
            [("sku", ASCENDING)],
            name="one_for_a_sku",
            unique=True,
            partialFilterExpression={"deleted": False},
        ),
        IndexModel(
            [("title", "text"), ("category", "text"), ("sku", "text"), ("description", "text")],
            name="search",
            weights={"title": 10, "category": 5, "sku": 5, "description": 1},
            default_language="english",
        ),
        IndexModel(
            [("rank", DESCENDING), ("_id", ASCENDING)],
            name="popular",
            partialFilterExpression={"deleted": False},
        ),
    ],
    STOCK_ADJUSTMENTS: [_ONE_FOR_A_REQUEST],
    ORDERS: [
        _ONE_FOR_A_REQUEST,
        IndexModel([("customer_id", ASCENDING), ("_id", DESCENDING)], name="of_a_customer"),
        IndexModel([("check.at", ASCENDING)], name="unsettled", partialFilterExpression={"status": "placed"}),
    ],
    PAYMENT_EVENTS: [
        IndexModel(
            [("received_at", ASCENDING)],
            name="forgotten",
            expireAfterSeconds=int(EVENTS_KEPT.total_seconds()),
            partialFilterExpression={"settled": True},
        )
    ],
    PAYMENT_REVERSALS: [
        IndexModel([("check.at", ASCENDING)], name="open", partialFilterExpression={"state": "open"})
    ],
}


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Make the database fit; again is harmless."""
    await db[PRODUCTS].update_many({"rated": {"$exists": False}}, {"$set": UNRATED})
    for name, schema in _VALIDATORS.items():
        validator = {"$jsonSchema": {"bsonType": "object", **schema}}
        try:
            await db.create_collection(name, validator=validator)
        except CollectionInvalid:
            await db.command("collMod", name, validator=validator)
        if name in _INDEXES:
            await db[name].create_indexes(_INDEXES[name])
