"""What every repository here is: one collection as part of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

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
