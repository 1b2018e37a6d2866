"""The kit's store answers as MongoDB does: the same operations give the same results."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary
from pymongo import DeleteMany, DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from shop_events.testing import MemoryDatabase
from tests.events.conftest import System

AT = datetime(2026, 1, 1, 12, 30, 15, 123_456, UTC)
ROWS: list[dict[str, Any]] = [
    {"_id": "a", "n": 1, "tags": ["x", "y"], "deep": {"er": 5}, "at": AT, "pair": (1, 2)},
    {"_id": "b", "n": 2, "tags": [], "value": Binary(b"\x00\xff"), "none": None},
    {"_id": "c", "n": 3, "deep": {"er": 7}, "at": AT.replace(year=2030)},
    {"_id": {"composed": 1}, "n": "text"},
]
FILTERS: list[dict[str, Any]] = [
    {},
    {"_id": "a"},
    {"_id": {"composed": 1}},
    {"n": {"$in": [1, 3, "text"]}},
    {"n": {"$nin": [1]}},
    {"n": {"$gt": 1, "$lte": 3}},
    {"n": {"$lt": "z"}},
    {"n": {"$ne": 2}},
    {"at": {"$lte": AT}},
    {"at": AT},
    {"at": {"$exists": False}},
    {"none": None},
    {"tags": "x"},
    {"deep.er": 7},
    {"deep": {"er": 5}},
    {"$or": [{"n": 1}, {"deep.er": {"$gte": 7}}]},
    {"$and": [{"n": {"$gte": 1}}, {"tags": {"$exists": True}}]},
]
UPDATES: list[Any] = [
    {"$set": {"n": 9, "deep.er": 1, "new.field": "x"}},
    {"$inc": {"n": 5, "count": 1}},
    {"$unset": {"n": "", "nothing": ""}},
    {"$push": {"tags": "z"}},
    {"$addToSet": {"tags": "x"}},
    {"$setOnInsert": {"n": 0}, "$set": {"seen": True}},
    [{"$set": {"n": {"$add": ["$n", 1]}, "copy": "$deep.er"}}],
    [
        {
            "$replaceWith": {
                "$cond": [{"$lt": [{"$ifNull": ["$n", -1]}, 2]}, {"$literal": {"_id": "a"}}, "$$ROOT"]
            }
        }
    ],
]

Script = Callable[[Any], Awaitable[Any]]


async def same(system: System, script: Script) -> Any:
    """Return what a script gives with either store, having made sure that it is the same."""
    real = await script(system.db["rows"])
    assert await script(MemoryDatabase()["rows"]) == real
    return real


async def everything(rows: Any) -> list[Any]:
    return [row async for row in rows.find().sort("_id", 1)]


async def filled(rows: Any) -> None:
    await rows.insert_many([dict(row) for row in ROWS])


async def test_what_is_stored_comes_back_as_mongodb_gives_it(system: System) -> None:
    async def script(rows: Any) -> Any:
        await filled(rows)
        return await everything(rows)

    found = await same(system, script)
    assert found[0]["at"].microsecond == 123_000
    assert found[0]["pair"] == [1, 2]


async def test_filters_find_the_same(system: System) -> None:
    async def script(rows: Any) -> Any:
        await filled(rows)
        found = [[row["_id"] async for row in rows.find(query).sort([("n", -1)])] for query in FILTERS]
        counted = [await rows.count_documents(query, limit=2) for query in FILTERS]
        first = [await rows.find_one(query, sort=[("n", -1), ("_id", 1)]) for query in FILTERS]
        return (
            found,
            counted,
            first,
            [row["_id"] async for row in rows.find({}, {"n": 1}).sort("n").limit(1)],
        )

    await same(system, script)


@pytest.mark.parametrize("update", UPDATES, ids=str)
async def test_updates_leave_the_same(system: System, update: Any) -> None:
    async def script(rows: Any) -> Any:
        await filled(rows)
        result = await rows.update_one({"_id": "a"}, update)
        missed = await rows.update_one({"_id": "nobody"}, update)
        numbers = result.matched_count, result.modified_count, missed.matched_count
        return numbers, await everything(rows)

    await same(system, script)


@pytest.mark.parametrize("update", UPDATES[:2] + UPDATES[5:6], ids=str)
async def test_upserts_leave_the_same(system: System, update: Any) -> None:
    async def script(rows: Any) -> Any:
        result = await rows.update_one({"_id": "new", "kind": "x", "q": {"$gt": 1}}, update, upsert=True)
        return result.upserted_id, result.matched_count, await everything(rows)

    await same(system, script)


async def test_finding_and_changing_at_once_gives_the_same(system: System) -> None:
    async def script(rows: Any) -> Any:
        await filled(rows)
        by_n = [("n", -1)]
        numbers = {"n": {"$lt": 9}}
        before = await rows.find_one_and_update(numbers, {"$inc": {"n": 1}}, sort=by_n)
        after = await rows.find_one_and_update(
            numbers, {"$inc": {"n": 1}}, sort=by_n, return_document=ReturnDocument.AFTER
        )
        nobody = await rows.find_one_and_update({"_id": "nobody"}, {"$set": {"n": 1}})
        replaced = await rows.replace_one({"_id": "b"}, {"other": 1})
        deleted = await rows.delete_one({"n": {"$gte": 1}}), await rows.delete_many({"n": {"$gte": 2}})
        counts = [replaced.matched_count, *(result.deleted_count for result in deleted)]
        return before, after, nobody, counts, await rows.count_documents({}), await everything(rows)

    await same(system, script)


async def test_writing_in_bulk_leaves_the_same(system: System) -> None:
    async def script(rows: Any) -> Any:
        await filled(rows)
        await rows.bulk_write(
            [
                InsertOne({"_id": "d", "n": 4}),
                UpdateOne({"_id": "e"}, {"$set": {"n": 5}}, upsert=True),
                DeleteOne({"_id": "a"}),
                DeleteMany({"n": {"$gte": 5}}),
            ]
        )
        return await everything(rows)

    await same(system, script)


async def test_the_same_is_refused(system: System) -> None:
    async def script(rows: Any) -> None:
        await rows.insert_one({"_id": 1})
        with pytest.raises(DuplicateKeyError):
            await rows.insert_one({"_id": 1})
        with pytest.raises(Exception, match="cannot encode object"):
            await rows.insert_one({"_id": 2, "odd": object()})
        with pytest.raises(ValueError, match=r"uuid\.UUID"):
            await rows.insert_one({"_id": uuid.UUID(int=7)})

    await script(system.db["rows"])
