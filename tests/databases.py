"""Databases that tests find empty: made once in a process, since making one takes longer than most tests."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

Database = AsyncDatabase[dict[str, Any]]
Migrate = Callable[[Database], Awaitable[None]]


@dataclass
class Databases:
    """The databases of one process of the tests, on one server.

    An :meth:`empty` one is the same for everybody who names the same migrations: for one test at a time,
    which leaves indexes and validators as they are, and nobody behind who still writes. Any other test, one
    that kills processes above all, takes its :meth:`own`.
    """

    url: str
    _made: dict[tuple[Migrate, ...], tuple[str, set[str]]] = field(default_factory=dict)

    @asynccontextmanager
    async def empty(self, *migrations: Migrate) -> AsyncIterator[Database]:
        """Give a database with what ``migrations`` make, and without documents."""
        async with _client(self.url) as client:
            name, collections = self._made.get(migrations) or (_new_name(), set())
            db = client[name]
            left = set(await db.list_collection_names()) if collections else set()
            if not left or not left >= collections:
                await _migrated(db, migrations)
                collections = set(await db.list_collection_names()) - (left - collections)
                self._made[migrations] = name, collections
            await _empty(db, left, collections)
            yield db

    @asynccontextmanager
    async def own(self, *migrations: Migrate) -> AsyncIterator[Database]:
        """Give a new database, which is dropped afterwards."""
        async with _client(self.url) as client:
            db = client[_new_name()]
            await _migrated(db, migrations)
            yield db
            await client.drop_database(db)

    async def drop(self) -> None:
        """Leave nothing on a server that outlives the tests."""
        async with _client(self.url) as client:
            for name, _ in self._made.values():
                await client.drop_database(name)


def _client(url: str) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(url, tz_aware=True, w="majority")


def _new_name() -> str:
    return f"test_{secrets.token_hex(4)}"


async def _migrated(db: Database, migrations: tuple[Migrate, ...]) -> None:
    for migrate in migrations:
        await migrate(db)


async def _empty(db: Database, left: set[str], collections: set[str]) -> None:
    """Remove the documents that a test left, and the collections that it made."""
    for name in left & collections:
        await db[name].delete_many({})
    for name in left - collections:
        await db.drop_collection(name)
