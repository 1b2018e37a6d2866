"""The parts that documents of several collections share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from shop_catalog.domain.requests import RequestKey
from shop_events.contracts import Aggregate

Document = dict[str, Any]


class Repository:
    """Documents of one collection, read and written as part of ``session``'s transaction, if any."""

    def __init__(self, collection: AsyncCollection[Document], session: AsyncClientSession | None) -> None:
        self._collection = collection
        self._session = session

    async def _asked_for(self, request: RequestKey) -> Document | None:
        """Return what was made for this request before.

        Raises:
            KeyReused: the key was used for another request.
        """
        mine = {"request.user_id": request.user_id, "request.key": request.key}
        found = await self._collection.find_one(mine, session=self._session)
        if found is not None:
            request.assert_repeats(request_of(found))
        return found


def request_of(document: Mapping[str, Any]) -> RequestKey:
    """Return the request that a document was made for."""
    return RequestKey(**document["request"])


def request_document(request: RequestKey) -> Document:
    """Return how a request is stored."""
    return {"user_id": request.user_id, "key": request.key, "fingerprint": request.fingerprint}


def version_before(aggregate: Aggregate) -> int:
    """Return the version that the stored document has while the aggregate holds unsaved facts."""
    return aggregate.version - len(aggregate.facts)
