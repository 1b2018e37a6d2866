"""What reading and changing a cart asks of MongoDB: the statements of the session service, and no rules."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

import orjson
from bson import Binary
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from bench.ground import Document

DATABASE = "shop_session"
"""The service's own: both work on the same documents, one after the other."""

_Database = AsyncDatabase[Document]


async def read(db: _Database, string: str, session: AsyncClientSession | None = None) -> Document:
    """Return a cart and its products: three finds."""
    visit = await db.sessions.find_one({"digest": _digest(string)}, session=session)
    assert visit
    cart = await db.carts.find_one({"_id": visit["_id"]}, session=session)
    assert cart
    wanted = [line["product_id"] for line in cart["lines"]]
    products = await db.products.find({"_id": {"$in": wanted}}, session=session).to_list()
    return {"cart": cart, "products": products}


async def write(client: AsyncMongoClient[Document], db: _Database, string: str, quantity: int) -> Document:
    """Change a line of a cart: in one transaction the three finds, an update and an outbox row."""
    async with (
        client.start_session() as session,
        await session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority")),
    ):
        shown = await read(db, string, session)
        cart = shown["cart"]
        before = cart["version"]
        cart["lines"][0]["quantity"] = quantity
        cart["version"] += 1
        await db.carts.update_one(
            {"_id": cart["_id"], "version": before},
            {"$set": {"lines": cart["lines"], "version": cart["version"]}},
            session=session,
        )
        await db.outbox.insert_many([_row(cart)], session=session)
    return shown


def view(shown: Document) -> bytes:
    """Return what is answered: the documents as they are."""
    return orjson.dumps(shown, default=str)


def _row(cart: Document) -> dict[str, Any]:
    value = orjson.dumps({"visitor_id": cart["_id"], "lines": cart["lines"], "at": datetime.now(UTC)})
    return {
        "_id": secrets.token_hex(16),
        "topic": "session.carts.v1",
        "key": cart["_id"],
        "sequence": cart["version"],
        "headers": {"ce_id": secrets.token_hex(16), "ce_type": "session.cart.changed.v1"},
        "value": Binary(value),
    }


def _digest(string: str) -> str:
    return hashlib.sha256(string.encode()).hexdigest()
