"""Saved states in MongoDB. The JSON is stored as text: its names and numbers need not suit BSON.

Which names there are is a document of its own, so that two new names at once cannot exceed the limit.
"""

from __future__ import annotations

import orjson
from pymongo import ASCENDING

from shop_session.domain.errors import StateTooLarge, VersionConflict
from shop_session.domain.owners import Owner
from shop_session.domain.states import MOST_BYTES, SavedState
from shop_session.store.repository import Document, Repository


class States(Repository):
    """The documents."""

    async def get(self, owner: Owner, name: str) -> SavedState | None:
        """Return a saved state, None when there is none of this name."""
        key = {"owner": owner.id, "name": name}
        document = await self._collection.find_one(key, session=self._session)
        return _state_of(document) if document else None

    async def all(self, owner: Owner) -> list[SavedState]:
        """Return what somebody has saved, by name."""
        found = self._collection.find({"owner": owner.id}, session=self._session)
        return [_state_of(document) async for document in found.sort("name", ASCENDING)]

    async def add(self, owner: Owner, state: SavedState) -> None:
        """Store a new state.

        Raises:
            StateTooLarge: it takes more than MOST_BYTES.
        """
        document = {"owner": owner.id, "name": state.name, **_content(state)}
        if owner.kept_until:
            document["kept_until"] = owner.kept_until
        await self._collection.insert_one(document, session=self._session)

    async def save(self, owner: Owner, state: SavedState) -> None:
        """Store a replaced document.

        Raises:
            StateTooLarge: it takes more than MOST_BYTES.
            VersionConflict: the stored one is not the version before.
        """
        key = {"owner": owner.id, "name": state.name, "version": state.version - 1}
        result = await self._collection.update_one(key, {"$set": _content(state)}, session=self._session)
        if result.matched_count != 1:
            raise VersionConflict("The saved state was changed in the meantime.")

    async def remove(self, owner: Owner, name: str) -> None:
        await self._collection.delete_one({"owner": owner.id, "name": name}, session=self._session)

    async def remove_all(self, owner: Owner) -> None:
        await self._collection.delete_many({"owner": owner.id}, session=self._session)


class StateNames(Repository):
    """Which names each owner uses."""

    async def of(self, owner: Owner) -> set[str]:
        document = await self._collection.find_one({"_id": owner.id}, session=self._session)
        return set(document["names"]) if document else set()

    async def put(self, owner: Owner, names: set[str]) -> None:
        document: Document = {"names": sorted(names)}
        if owner.kept_until:
            document["kept_until"] = owner.kept_until
        await self._collection.update_one(
            {"_id": owner.id}, {"$set": document}, upsert=True, session=self._session
        )

    async def remove(self, owner: Owner) -> None:
        await self._collection.delete_one({"_id": owner.id}, session=self._session)


def _content(state: SavedState) -> Document:
    text = orjson.dumps(state.document)
    if len(text) > MOST_BYTES:
        raise StateTooLarge(f"A saved state takes {MOST_BYTES} bytes at most.")
    return {"json": text.decode(), "version": state.version, "updated_at": state.updated_at}


def _state_of(document: Document) -> SavedState:
    content = orjson.loads(document["json"])
    return SavedState(document["name"], content, document["version"], document["updated_at"])
