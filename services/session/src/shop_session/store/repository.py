"""What the repositories share: a collection, the transaction, and writing against a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from shop_events.contracts import Aggregate
from shop_session.domain.errors import VersionConflict

Document = dict[str, Any]


class Repository:
    """Documents of one collection, read and written as part of ``session``'s transaction, if any."""

    def __init__(self, collection: AsyncCollection[Document], session: AsyncClientSession | None) -> None:
        self._collection = collection
        self._session = session

    async def _put(self, key: str, version: int, document: Mapping[str, Any]) -> None:
        """Store a document that was at ``version`` when it was read, 0 if it was not there.

        Raises:
            VersionConflict: it is at another version by now.
        """
        if version == 0:
            await self._collection.insert_one({"_id": key, **document}, session=self._session)
            return
        result = await self._collection.update_one(
            {"_id": key, "version": version}, {"$set": document}, session=self._session
        )
        if result.matched_count != 1:
            raise VersionConflict("It was changed in the meantime.")


def version_before(aggregate: Aggregate) -> int:
    """Return the version that the stored document has while the aggregate holds unsaved facts."""
    return aggregate.version - len(aggregate.facts)
