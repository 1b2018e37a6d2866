"""State of streams by subject: visitors, watches. A dataclass of the domain is a document here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import TypeAdapter
from pymongo import ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from shop_analytics.store.repository import Document, Repository

VISITORS = "visitors"
WATCHES = "watches"

T = TypeVar("T")


class States(Repository, Generic[T]):
    """States of one kind, by subject. ``kind`` stands before each subject in the ids."""

    def __init__(
        self,
        collection: AsyncCollection[Document],
        session: AsyncClientSession | None,
        adapter: TypeAdapter[T],
        kind: str = "",
    ) -> None:
        super().__init__(collection, session)
        self._adapter = adapter
        self._kind = kind

    async def load(self, subjects: Iterable[str]) -> dict[str, T]:
        """Return the states that are known."""
        found = await self._found(self._kind + subject for subject in subjects)
        return {
            document["_id"].removeprefix(self._kind): self._adapter.validate_python(document["state"])
            for document in found
        }

    async def save(self, states: Mapping[str, T], now: datetime) -> None:
        """Store states as they are; those nobody touches for long are forgotten."""
        await self._write(
            [
                ReplaceOne(
                    {"_id": self._kind + subject},
                    {"state": self._adapter.dump_python(state), "touched_at": now},
                    upsert=True,
                )
                for subject, state in states.items()
            ]
        )
