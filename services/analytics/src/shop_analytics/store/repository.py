"""What every repository here is: one collection as part of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from shop_events.waiting import OneAhead

_MOST_AT_ONCE = 1000
"""Changes of one command: all of them have to fit into the 16 MiB of a document."""

Document = dict[str, Any]
Write = InsertOne[Document] | ReplaceOne[Document] | UpdateMany | UpdateOne


class Repository:
    """Documents of one collection, read and written as part of ``session``'s transaction, if any."""

    def __init__(self, collection: AsyncCollection[Document], session: AsyncClientSession | None) -> None:
        self._collection = collection
        self._session = session

    async def _found(self, ids: Iterable[str], fields: Mapping[str, int] | None = None) -> list[Document]:
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return []
        found = self._collection.find({"_id": {"$in": wanted}}, fields, session=self._session)
        return await found.to_list()

    async def _write(self, writes: Sequence[Write]) -> None:
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=self._session)

    async def _upsert(self, changes: Iterable[tuple[str, Document]]) -> None:
        """Change documents by their ids, in any order; those that are not there are made.

        For many small changes, of a few kB at most. They go as the command that MongoDB knows, since the
        driver's own objects cost more than all else about a write; while MongoDB does some of them, the
        next ones are made ready.

        Raises:
            BulkWriteError: some of them were not done.
        """
        statements = ({"q": {"_id": id}, "u": change, "upsert": True} for id, change in changes)
        async with OneAhead() as sending:
            while chunk := list(islice(statements, _MOST_AT_ONCE)):
                await sending(self._update(chunk))

    async def _update(self, statements: Sequence[Document]) -> None:
        command = {"update": self._collection.name, "updates": statements, "ordered": False}
        answer = await self._collection.database.command(command, session=self._session)
        if answer.get("writeErrors"):
            raise BulkWriteError(answer)
