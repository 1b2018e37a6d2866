"""Documents as earlier versions wrote them, made into those of now. Again is harmless, and so is a crash."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from shop_catalog.domain.categories import Category, Step, key_of
from shop_catalog.store.categories import CATEGORIES, category_document
from shop_catalog.store.payments import PAYMENT_REVERSALS
from shop_catalog.store.products import PRODUCTS, UNRATED
from shop_catalog.store.stock import STOCK, STOCK_ADJUSTMENTS
from shop_events.ids import new_id

_FIRST_VARIANT = {"$concat": ["var_", {"$replaceOne": {"input": "$$id", "find": "prd_", "replacement": ""}}]}


async def documents(db: AsyncDatabase[Any]) -> None:
    """Give products variants, stock its variant, products without ratings one; take cards from reversals."""
    await _products(db)
    await db[PRODUCTS].update_many({"rated": {"$exists": False}}, {"$set": UNRATED})
    await db[PRODUCTS].update_many({"trend": {"$exists": False}}, {"$set": {"trend": UNRATED["trend"]}})
    await _categories(db)
    await _stock(db)
    await db[STOCK_ADJUSTMENTS].update_many(
        {"variant_id": {"$exists": False}}, [{"$set": {"variant_id": _first_variant("$product_id")}}]
    )
    await db[PAYMENT_REVERSALS].update_many({"method": {"$exists": True}}, {"$unset": {"method": 1}})


async def forget_indexes(db: AsyncDatabase[Any], outdated: dict[str, list[str]]) -> None:
    """Drop indexes by collection and name, where they are still there."""
    for collection, names in outdated.items():
        present = await db[collection].index_information()
        for name in present.keys() & set(names):
            await db[collection].drop_index(name)


async def _products(db: AsyncDatabase[Any]) -> None:
    picture = {"$cond": [{"$ifNull": ["$image_url", False]}, [{"url": "$image_url", "alt": ""}], []]}
    nothing: dict[str, Any] = {"$literal": {}}
    variant = {
        "id": _first_variant("$_id"),
        "sku": "$sku",
        "prices": ["$price"],
        "options": nothing,
        "chosen": [],
        "attributes": nothing,
        "media": [],
        "weight_grams": None,
        "available": "$available",
    }
    await db[PRODUCTS].update_many(
        {"variants": {"$exists": False}},
        [
            {
                "$set": {
                    "variants": [variant],
                    "media": picture,
                    "lowest": {"$arrayToObject": [[{"k": "$price.currency", "v": "$price.amount"}]]},
                    "language": "en",
                    "translations": nothing,
                    "attributes": nothing,
                    "facets": [],
                    "reference": None,
                    "category_path": [],
                    "category_ids": [],
                    "status": "published",
                    "shown": {"$not": ["$deleted"]},
                }
            },
            {"$unset": ["sku", "price", "image_url", "available"]},
        ],
    )


async def _categories(db: AsyncDatabase[Any]) -> None:
    """Make a root category of each label that products had."""
    for name in await db[PRODUCTS].distinct("category"):
        if name is None:
            await db[PRODUCTS].update_many({"category": None}, {"$unset": {"category": 1}})
            continue
        new = category_document(Category(id=new_id("cat"), name=name))
        where = {"parent_id": None, "key": key_of(name)}
        await db[CATEGORIES].update_one(where, {"$setOnInsert": new}, upsert=True)
        known = await db[CATEGORIES].find_one(where)
        assert known is not None
        step = Step(known["_id"], known["name"])
        placed = {"category_path": [step._asdict()], "category_ids": [step.id]}
        await db[PRODUCTS].update_many({"category": name}, {"$set": placed, "$unset": {"category": 1}})


async def _stock(db: AsyncDatabase[Any]) -> None:
    """Move each stock from its product's id to that of the product's first variant."""
    outdated = {"product_id": {"$exists": False}}
    moved = await db[STOCK].aggregate(
        [
            {"$match": outdated},
            {"$set": {"product_id": "$_id", "_id": _first_variant("$_id")}},
            {"$merge": {"into": STOCK, "whenMatched": "keepExisting"}},
        ]
    )
    await moved.to_list()
    await db[STOCK].delete_many(outdated)


def _first_variant(product_id: str) -> dict[str, Any]:
    """Return the expression of :func:`shop_events.contracts.catalog.first_variant_id`."""
    return {"$let": {"vars": {"id": product_id}, "in": _FIRST_VARIANT}}
