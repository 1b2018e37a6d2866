"""Token families and the hashes of their refresh tokens. MongoDB removes them some time after their end."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any, NamedTuple

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_identity.domain.errors import VersionMismatch
from shop_identity.domain.families import Family
from shop_identity.store.schema import FAMILIES, REFRESH_TOKENS


class Presented(NamedTuple):
    """What is known of a refresh token that somebody showed."""

    family: Family
    generation: int


class FamilyRepository:
    """Reads and writes families. Of a refresh token only its SHA-256 is stored: it has 256 random bits."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._families = db[FAMILIES]
        self._tokens = db[REFRESH_TOKENS]
        self._session = session

    async def get(self, family_id: str) -> Family | None:
        """Return a family, None when it is unknown or long over."""
        document = await self._families.find_one({"_id": family_id}, session=self._session)
        return document and Family(id=document.pop("_id"), **document)

    async def by_token(self, token: str) -> Presented | None:
        """Return the family of a refresh token and the token's generation."""
        stored = await self._tokens.find_one({"_id": digest(token)}, session=self._session)
        family = stored and await self.get(stored["family_id"])
        return Presented(family, stored["generation"]) if stored and family else None

    async def add(self, family: Family) -> None:
        """Store a new family."""
        await self._families.insert_one(_to_document(family), session=self._session)

    async def save(self, family: Family) -> None:
        """Store a changed family; VersionMismatch when it is not the one that was read."""
        loaded = family.version
        family.version += 1
        document = _to_document(family)
        result = await self._families.update_one(
            {"_id": document.pop("_id"), "version": loaded}, {"$set": document}, session=self._session
        )
        if result.matched_count != 1:
            raise VersionMismatch

    async def add_token(self, token: str, family: Family) -> None:
        """Store a refresh token of the family's newest generation."""
        await self._tokens.insert_one(
            {
                "_id": digest(token),
                "family_id": family.id,
                "generation": family.generation,
                "expires_at": family.expires_at,
            },
            session=self._session,
        )


def _to_document(family: Family) -> dict[str, Any]:
    document = asdict(family)
    return {"_id": document.pop("id"), **document}


def digest(token: str) -> str:
    """Return what is kept of a token that has enough random bits to need no key."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
