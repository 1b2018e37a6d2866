"""Revocations in MongoDB."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.partial_indexes import ANY_TIME
from shop_identity.domain.errors import VersionMismatch
from shop_identity.domain.revocations import Revocation
from shop_identity.store.schema import REVOCATIONS, loaded_version


class RevocationRepository:
    """Reads and writes revocations. An expired one stays for its version, until its subject is forgotten."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._revocations = db[REVOCATIONS]
        self._session = session

    async def of(self, subject: str) -> Revocation:
        """Return the revocation of a subject; a new one when nothing was ever revoked."""
        document = await self._revocations.find_one({"_id": subject}, session=self._session)
        return _from_document(document) if document else Revocation(subject)

    async def over(self, now: datetime, limit: int) -> list[Revocation]:
        """Return revocations that no longer matter, oldest first."""
        found = self._revocations.find({"until": {**ANY_TIME, "$lte": now}}, session=self._session)
        return [_from_document(document) async for document in found.sort("until").limit(limit)]

    async def touch_after(self, subject: str, limit: int, now: datetime) -> list[Revocation]:
        """Return the next revocations by subject, written to, so that a change at the same time conflicts."""
        found = self._revocations.find({"_id": {"$gt": subject}}, session=self._session)
        revocations = [_from_document(document) async for document in found.sort("_id").limit(limit)]
        await self._revocations.update_many(
            {"_id": {"$in": [each.subject for each in revocations]}},
            {"$set": {"republished_at": now}},
            session=self._session,
        )
        return revocations

    async def save(self, revocation: Revocation) -> None:
        """Store a revocation; VersionMismatch when it is not the one that was read."""
        loaded = loaded_version(revocation)
        state = {
            "lowest_epoch": revocation.lowest_epoch,
            "until": revocation.until,
            "version": revocation.version,
        }
        if loaded == 0:
            await self._revocations.insert_one({"_id": revocation.subject, **state}, session=self._session)
            return
        result = await self._revocations.update_one(
            {"_id": revocation.subject, "version": loaded}, {"$set": state}, session=self._session
        )
        if result.matched_count != 1:
            raise VersionMismatch

    async def remove(self, revocation: Revocation) -> None:
        """Forget a subject that is never revoked again."""
        await self._revocations.delete_one({"_id": revocation.subject}, session=self._session)


def _from_document(document: dict[str, Any]) -> Revocation:
    return Revocation(document["_id"], document["lowest_epoch"], document["until"], document["version"])
