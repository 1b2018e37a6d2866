"""Products and orders over HTTP without anything around the driver."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from datetime import UTC, datetime
from urllib.parse import parse_qs

import orjson
from bson import Binary
from pymongo import AsyncMongoClient, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.baselines.bare import answer, body_of
from bench.ground import Document

_Database = AsyncDatabase[Document]
_ORDERS = {"oldest": ("_id", 1), "newest": ("_id", -1), "popular": ("rank", -1), "trend": ("trend", -1)}
_AT_ONCE = 8
_SOME = 1_000
"""So many products there are at least."""


async def application() -> ASGIApp:
    """Return the application: a product, a list of them, an order."""
    client = AsyncMongoClient[Document](os.environ["MONGODB_URL"], w="majority", tz_aware=True)
    db = client[os.environ["MONGODB_DATABASE"]]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["method"] == "POST":
            lines = orjson.loads(await body_of(receive))["lines"]
            async with turns:
                order = await _order(client, db, lines)
            await answer(send, _json(order), 201 if order else 409)
        elif path.startswith("/v1/products/"):
            found = await db.products.find_one({"_id": path.rpartition("/")[2], "deleted": False})
            await answer(send, _json(found))
        elif path == "/v1/search":
            await answer(send, _json(await _look_for(client, db)))
        elif path == "/v1/products":
            await answer(send, _json(await _list(db, scope["query_string"].decode())))
        else:
            await answer(send, b"{}")

    return serve


def _json(shown: object) -> bytes:
    return orjson.dumps(shown, default=str)


async def _list(db: _Database, asked: str) -> list[Document]:
    said = parse_qs(asked)
    query: Document = {"shown": True}
    if category := said.get("category_id"):
        query["category_ids"] = category[0]
    key, direction = _ORDERS[said["sort"][0]]
    order = [(key, direction)] if key == "_id" else [(key, direction), ("_id", 1)]
    return await db.products.find(query).sort(order).limit(int(said["limit"][0]) + 1).to_list()


async def _look_for(client: AsyncMongoClient[Document], db: _Database) -> list[Document]:
    """Read twenty products, and store with a row of the outbox that they were shown."""
    some = [f"prd_{number:08d}" for number in random.sample(range(_SOME), 20)]
    found = await db.products.find({"_id": {"$in": some}, "shown": True}).to_list()
    shown = {"_id": f"sch_{secrets.token_hex(16)}", "visitor_id": "anon", "product_ids": some, "skipped": 0}
    shown |= {"at": datetime.now(UTC), "chosen": [], "version": 1}
    async with client.start_session() as session, await session.start_transaction():
        await db.searches.insert_one(shown, session=session)
        await db.outbox.insert_one({"key": shown["_id"], "value": Binary(_json(shown))}, session=session)
    return found


async def _order(client: AsyncMongoClient[Document], db: _Database, lines: list[Document]) -> Document | None:
    """Place an order in one transaction of six statements, again for as long as it meets another one."""
    async with client.start_session() as session:
        while True:
            try:
                async with await session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority")):
                    return await _place(db, session, lines)
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise


async def _place(db: _Database, session: AsyncClientSession, lines: list[Document]) -> Document | None:
    key, ids = secrets.token_hex(12), [each["product_id"] for each in lines]
    await db.orders.find_one({"request.user_id": "usr_1", "request.key": key}, session=session)
    products = await db.products.find({"_id": {"$in": ids}}, session=session).to_list()
    wanted = {each["variants"][0]["id"]: 1 for each in products}
    stock = await db.stock.find({"_id": {"$in": list(wanted)}}, session=session).to_list()
    if any(each["left"] < wanted[each["_id"]] for each in stock):
        return None
    writes = [UpdateOne({"_id": each, "left": {"$gte": 1}}, {"$inc": {"left": -1}}) for each in wanted]
    await db.stock.bulk_write(writes, ordered=False, session=session)
    order = _document(key, products)
    await db.orders.insert_one(order, session=session)
    await db.outbox.insert_one({"key": order["_id"], "value": Binary(_json(order))}, session=session)
    return order


def _document(key: str, products: list[Document]) -> Document:
    now = datetime.now(UTC)
    prices = [each["variants"][0]["prices"][0] for each in products]
    lines = [
        {"product_id": each["_id"], "title": each["title"], "quantity": 1, "line_total": price}
        for each, price in zip(products, prices, strict=True)
    ]
    return {
        "_id": f"ord_{secrets.token_hex(12)}",
        "customer_id": "usr_1",
        "request": {"user_id": "usr_1", "key": key, "fingerprint": ""},
        "lines": lines,
        "total": {"amount": sum(each["amount"] for each in prices), "currency": "GBP"},
        "status": "reserved",
        "history": [{"status": "placed", "at": now, "reason": None, "by": "usr_1"}],
        "version": 1,
        "placed_at": now,
    }
