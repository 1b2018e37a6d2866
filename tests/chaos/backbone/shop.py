"""The system under trial: a shop that moves stock and changes products, and a reader of what it tells.

What becomes of a move is settled by its key and number alone, so that whoever counts knows what to expect of
what was committed, whatever was killed.
"""

from __future__ import annotations

import random
import zlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts import Event, Fact, Money
from shop_events.contracts.catalog import (
    ProductChanged,
    ProductDeleted,
    StockLow,
    StockRanOut,
    StockReturned,
)
from shop_events.envelope import Message, encode, envelope_for
from shop_events.errors import NotYet
from shop_events.handlers import Subscriptions, on
from shop_events.read_model import ReadModel
from shop_events.unit_of_work import Transactor, UnitOfWork

OWNER, READER = "catalog", "notifier"
KEYS = [f"stk_{number}" for number in range(40)]
PRODUCTS = [f"prd_{number}" for number in range(60)]
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_HELD_AT = 20


class Fate(StrEnum):
    """What becomes of a move."""

    GOOD = "good"
    EARLY = "early"  # refers to a product that is told of later
    POISON = "poison"  # refused until mended; its key goes on
    HELD = "held"  # refused until mended; its key waits
    MALFORMED = "malformed"


def fate(key: str, number: int) -> Fate:
    """Return what becomes of the move ``number`` of ``key``."""
    if number == _HELD_AT and zlib.crc32(key.encode()) % 8 == 0:
        return Fate.HELD
    lot = zlib.crc32(f"{key}/{number}".encode()) % 100
    if lot < 2:
        return Fate.POISON
    if lot < 3:
        return Fate.MALFORMED
    return Fate.EARLY if lot < 7 else Fate.GOOD


def reference(key: str, number: int) -> str:
    """Return the product that an early move refers to."""
    return f"ref_{key}_{number}"


def connect(url: str) -> AsyncMongoClient[Any]:
    """Return a client like those of the services, with less patience."""
    return AsyncMongoClient(
        url,
        w="majority",
        tz_aware=True,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=10_000,
    )


def transactor(client: AsyncMongoClient[Any], db: AsyncDatabase[Any], source: str) -> Transactor[UnitOfWork]:
    """Return what opens units of work on ``db``."""
    return Transactor(client, db, lambda db, session: UnitOfWork(db, session, source))


# What the owner does.


async def trade(uow: UnitOfWork, chance: random.Random, moves: int = 2) -> None:
    """Move stock of a few keys, and now and then change a product."""
    for key in sorted(chance.sample(KEYS, min(moves, len(KEYS)))):
        for _ in range(chance.randint(1, 2)):
            await _move(uow, key)
    if chance.random() < 0.5:
        await _change(uow, chance.choice(PRODUCTS))


async def flood(uow: UnitOfWork) -> None:
    """Fill the outbox: every key moves and every product changes, several times, in one transaction."""
    for _ in range(3):
        for key in KEYS:
            await _move(uow, key)
        for product in PRODUCTS:
            await _change(uow, product)


async def pay(uow: UnitOfWork, due_before: datetime) -> bool:
    """Tell of one product that an early move refers to; say whether there was one."""
    owed = await uow.db["owed"].find_one_and_delete({"due": {"$lt": due_before}}, session=uow.session)
    if owed:
        await _change(uow, owed["_id"])
    return owed is not None


async def _move(uow: UnitOfWork, key: str) -> None:
    row = await uow.db["stock"].find_one_and_update(
        {"_id": key},
        {"$inc": {"number": 1}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=uow.session,
    )
    assert row
    number = row["number"]
    what = fate(key, number)
    if what is Fate.EARLY:
        due = datetime.now(UTC) + timedelta(milliseconds=300)
        await uow.db["owed"].insert_one({"_id": reference(key, number), "due": due}, session=uow.session)
    fact = Fact(_told(key, number, what), number)
    if what is Fate.MALFORMED:
        good = encode(envelope_for(fact, uow.source), fact.event)
        uow.send(Message(good.topic, good.key, good.headers, b'{"left": '), number)
    else:
        uow.publish([fact])


def _told(key: str, number: int, what: Fate) -> Event:
    at = EPOCH + timedelta(seconds=number)
    if what is Fate.POISON:
        return StockRanOut(product_id=key, at=at)
    if what is Fate.HELD:
        return StockReturned(product_id=key, left=number, at=at)
    return StockLow(product_id=key, left=number, at=at)


async def _change(uow: UnitOfWork, product: str) -> None:
    row = await uow.db["products"].find_one_and_update(
        {"_id": product},
        {"$inc": {"version": 1}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=uow.session,
    )
    assert row
    version = row["version"]
    gone = is_gone(product, version)
    uow.publish([Fact(ProductDeleted(product_id=product) if gone else _state(product, version), version)])


def is_gone(product: str, version: int) -> bool:
    """Say whether the product is deleted at this version; the next one brings it back."""
    return product in PRODUCTS and zlib.crc32(f"{product}/{version}".encode()) % 10 == 0


def _state(product: str, version: int) -> ProductChanged:
    return ProductChanged(
        product_id=product,
        sku=product,
        title=str(version),
        price=Money(amount=version, currency="GBP"),
        available=True,
    )


# What the reader does.


@on(StockLow, effect="low:{product_id}:{left}", patience=timedelta(hours=1))
async def low(uow: UnitOfWork, event: StockLow) -> None:
    key, number = event.product_id, event.left
    if fate(key, number) is Fate.EARLY and await _products(uow).get(reference(key, number)) is None:
        raise NotYet("product")
    await _note(uow, key)


@on(StockRanOut, effect="out:{product_id}:{at}", patience=timedelta(seconds=1))
async def poison(uow: UnitOfWork, event: StockRanOut) -> None:
    await _note(uow, event.product_id)
    await _refuse_unless_mended(uow, event.product_id)


@on(StockReturned, effect="back:{product_id}:{left}", patience=timedelta(seconds=1), hold_key=True)
async def held(uow: UnitOfWork, event: StockReturned) -> None:
    await _note(uow, event.product_id)
    await _refuse_unless_mended(uow, event.product_id)


@on(ProductChanged, projection="products")
async def changed(uow: UnitOfWork, event: ProductChanged) -> None:
    await _products(uow).put(event.product_id, uow.sequence, {"title": event.title})


@on(ProductDeleted, projection="products")
async def deleted(uow: UnitOfWork, event: ProductDeleted) -> None:
    await _products(uow).remove(event.product_id, uow.sequence)


SUBSCRIPTIONS = Subscriptions(READER, [low, poison, held, changed, deleted])


def _products(uow: UnitOfWork) -> ReadModel:
    return ReadModel(uow.db["products"], uow.session)


async def _note(uow: UnitOfWork, key: str) -> None:
    """Remember each time, so that what happens twice or out of order can be seen."""
    await uow.db["effects"].update_one(
        {"_id": key}, {"$push": {"seen": uow.sequence}}, upsert=True, session=uow.session
    )


async def _refuse_unless_mended(uow: UnitOfWork, key: str) -> None:
    mended = {"_id": f"{key}/{uow.sequence}"}
    if await uow.db["mended"].find_one(mended, session=uow.session) is None:
        raise RuntimeError("poison")
