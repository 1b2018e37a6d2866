"""The collections of catalog: what they must hold, and the indexes that find it."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from shop_catalog.domain.categories import DEEPEST
from shop_catalog.domain.order_states import OrderStatus
from shop_catalog.domain.products import ProductStatus
from shop_catalog.domain.reviews import ReviewStatus
from shop_catalog.domain.variants import MOST_VARIANTS
from shop_catalog.store import migrations
from shop_catalog.store.cards import CARDS
from shop_catalog.store.categories import CATEGORIES
from shop_catalog.store.erasures import ERASURES
from shop_catalog.store.orders import (
    IS_REFUNDING,
    IS_RETURNING,
    IS_TO_SEND,
    IS_UNREFUNDED,
    IS_WAITING,
    ORDERS,
)
from shop_catalog.store.payments import EVENTS_KEPT, PAYMENT_EVENTS, PAYMENT_REVERSALS
from shop_catalog.store.products import PRODUCTS
from shop_catalog.store.promotions import COUPON_USES, PROMOTIONS
from shop_catalog.store.reviews import REVIEW_VOTES, REVIEWS
from shop_catalog.store.searches import KEPT as SEARCHES_KEPT
from shop_catalog.store.searches import SEARCHES
from shop_catalog.store.stock import STOCK, STOCK_ADJUSTMENTS
from shop_catalog.store.tariffs import TARIFFS
from shop_events.partial_indexes import ANY_TEXT

_COUNT = {"bsonType": ["int", "long"], "minimum": 0}
_MONEY = {"bsonType": "object", "required": ["amount", "currency"], "properties": {"amount": _COUNT}}
_TEXT = {"bsonType": "string", "minLength": 1}
_VARIANT = {
    "bsonType": "object",
    "required": ["id", "sku", "prices", "options", "chosen", "available"],
    "properties": {
        "id": _TEXT,
        "sku": _TEXT,
        "prices": {"bsonType": "array", "minItems": 1, "items": _MONEY},
        "available": {"bsonType": "bool"},
    },
}

_VALIDATORS: dict[str, dict[str, Any]] = {
    PRODUCTS: {
        "required": ["title", "variants", "status", "shown", "deleted", "version", "request"],
        "properties": {
            "title": _TEXT,
            "variants": {"bsonType": "array", "minItems": 1, "maxItems": MOST_VARIANTS, "items": _VARIANT},
            "status": {"enum": [status.value for status in ProductStatus]},
            "version": _COUNT,
        },
    },
    CATEGORIES: {
        "required": ["name", "key", "parent_id", "ancestors", "version", "spread"],
        "properties": {
            "name": _TEXT,
            "ancestors": {"bsonType": "array", "maxItems": DEEPEST - 1},
            "version": _COUNT,
        },
    },
    STOCK: {
        "required": ["product_id", "left", "version"],
        "properties": {"left": _COUNT, "version": _COUNT},
    },
    STOCK_ADJUSTMENTS: {
        "required": ["product_id", "variant_id", "delta", "left", "request"],
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
    PROMOTIONS: {
        "required": ["name", "benefit", "code", "active", "version", "request"],
        "properties": {"name": _TEXT, "version": _COUNT},
    },
    COUPON_USES: {"required": ["used"], "properties": {"used": _COUNT}},
    TARIFFS: {"required": ["delivery", "free_from", "tax_basis_points"]},
    REVIEWS: {
        "required": ["product_id", "customer_id", "order_id", "request", "rating", "status", "version"],
        "properties": {
            "rating": {"bsonType": ["int", "long"], "minimum": 1, "maximum": 5},
            "status": {"enum": [status.value for status in ReviewStatus]},
            "helpful": _COUNT,
        },
    },
    REVIEW_VOTES: {"required": ["review_id", "user_id"]},
    CARDS: {"required": ["gone", "sequence"]},
    ERASURES: {"required": ["asked_at", "check"]},
    SEARCHES: {"required": ["visitor_id", "product_ids", "skipped", "at", "version"]},
    PAYMENT_EVENTS: {"required": ["order_id", "settled"]},
    PAYMENT_REVERSALS: {"required": ["order_id", "state", "check"]},
}

_ONE_FOR_A_REQUEST = IndexModel(
    [("request.user_id", ASCENDING), ("request.key", ASCENDING)], name="one_for_a_request", unique=True
)
_SORTED_CURRENCIES = ("EUR", "GBP", "USD")
"""Lists by price in other currencies are right as well, and are sorted anew for each request."""

_SHOWN: dict[str, Any] = {"partialFilterExpression": {"shown": True}}
_INDEXES: dict[str, list[IndexModel]] = {
    PRODUCTS: [
        IndexModel(
            [("request.user_id", ASCENDING), ("request.key", ASCENDING)],
            name="one_for_each_request",
            unique=True,
            partialFilterExpression={"request.key": ANY_TEXT},
        ),
        IndexModel(
            [("variants.sku", ASCENDING)],
            name="one_for_a_variant",
            unique=True,
            partialFilterExpression={"deleted": False},
        ),
        IndexModel(
            [("reference", ASCENDING)],
            name="one_for_each_reference",
            unique=True,
            partialFilterExpression={"deleted": False, "reference": ANY_TEXT},
        ),
        IndexModel([("rank", DESCENDING), ("_id", ASCENDING)], name="most_wanted", **_SHOWN),
        IndexModel([("trend", DESCENDING), ("_id", ASCENDING)], name="rising", **_SHOWN),
        *(
            IndexModel(
                [(f"lowest.{currency}", ASCENDING), ("_id", ASCENDING)],
                name=f"priced_in_{currency}",
                partialFilterExpression={"shown": True, f"lowest.{currency}": {"$exists": True}},
            )
            for currency in _SORTED_CURRENCIES
        ),
        IndexModel([("category_ids", ASCENDING), ("_id", ASCENDING)], name="of_a_category"),
        IndexModel([("facets", ASCENDING), ("_id", ASCENDING)], name="of_a_facet", **_SHOWN),
        IndexModel(
            [("variants.chosen", ASCENDING), ("_id", ASCENDING)],
            name="with_an_option",
            partialFilterExpression={"shown": True, "variants.chosen": ANY_TEXT},
        ),
    ],
    CATEGORIES: [
        IndexModel([("parent_id", ASCENDING), ("key", ASCENDING)], name="one_for_a_name", unique=True),
        IndexModel([("ancestors.id", ASCENDING)], name="below"),
        IndexModel([("spread", ASCENDING)], name="unspread", partialFilterExpression={"spread": False}),
    ],
    STOCK_ADJUSTMENTS: [
        _ONE_FOR_A_REQUEST,
        IndexModel([("product_id", ASCENDING), ("_id", DESCENDING)], name="of_a_product"),
    ],
    ORDERS: [
        _ONE_FOR_A_REQUEST,
        IndexModel([("customer_id", ASCENDING), ("_id", DESCENDING)], name="of_a_customer"),
        IndexModel([("check.at", ASCENDING)], name="waiting", partialFilterExpression=IS_WAITING),
        IndexModel(
            [("status", ASCENDING), ("_id", ASCENDING)], name="to_send", partialFilterExpression=IS_TO_SEND
        ),
        IndexModel(
            [("returning", ASCENDING), ("_id", ASCENDING)],
            name="returning",
            partialFilterExpression=IS_RETURNING,
        ),
        IndexModel(
            [("refund_failed", ASCENDING), ("_id", ASCENDING)],
            name="refund_failed",
            partialFilterExpression=IS_UNREFUNDED,
        ),
        IndexModel([("check.at", ASCENDING)], name="refunding", partialFilterExpression=IS_REFUNDING),
    ],
    PROMOTIONS: [
        _ONE_FOR_A_REQUEST,
        IndexModel(
            [("code", ASCENDING)],
            name="one_for_each_code",
            unique=True,
            partialFilterExpression={"code": ANY_TEXT},
        ),
        IndexModel([("active", ASCENDING), ("code", ASCENDING), ("_id", ASCENDING)], name="automatic"),
    ],
    REVIEWS: [
        _ONE_FOR_A_REQUEST,
        IndexModel(
            [("product_id", ASCENDING), ("customer_id", ASCENDING)], name="one_of_a_customer", unique=True
        ),
        IndexModel([("customer_id", ASCENDING)], name="of_a_customer"),
        IndexModel([("product_id", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel(
            [("product_id", ASCENDING), ("status", ASCENDING), ("helpful", DESCENDING), ("_id", DESCENDING)],
            name="most_helpful",
        ),
        IndexModel([("status", ASCENDING), ("_id", ASCENDING)], name="queue"),
    ],
    REVIEW_VOTES: [
        IndexModel([("review_id", ASCENDING)], name="of_a_review"),
        IndexModel([("user_id", ASCENDING)], name="of_a_user"),
    ],
    CARDS: [IndexModel([("cards.token", ASCENDING)], name="of_a_token")],
    ERASURES: [IndexModel([("check.at", ASCENDING)], name="due")],
    SEARCHES: [
        IndexModel(
            [("phrase", ASCENDING), ("visitor_id", ASCENDING)],
            name="asked_by",
            partialFilterExpression={"phrase": {"$gt": ""}},
        ),
        IndexModel(
            [("at", ASCENDING)], name="forgotten", expireAfterSeconds=int(SEARCHES_KEPT.total_seconds())
        ),
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


_OUTDATED = {PRODUCTS: ["one_for_a_sku", "search", "popular", "words"], ORDERS: ["unsettled"]}
_REPLACED = {
    PRODUCTS: [
        "one_for_a_request",
        "one_for_a_reference",
        "of_an_option",
        *(f"cheapest_{currency}" for currency in _SORTED_CURRENCIES),
    ],
    PROMOTIONS: ["one_for_a_code"],
}
"""Kept until what stands in their place is there."""


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Make the database fit; again is harmless."""
    for name, schema in _VALIDATORS.items():
        validator = {"$jsonSchema": {"bsonType": "object", **schema}}
        try:
            await db.create_collection(name, validator=validator)
        except CollectionInvalid:
            await db.command("collMod", name, validator=validator)
    await migrations.documents(db)
    await migrations.forget_indexes(db, _OUTDATED)
    for name, indexes in _INDEXES.items():
        await db[name].create_indexes(indexes)
    await migrations.forget_indexes(db, _REPLACED)
