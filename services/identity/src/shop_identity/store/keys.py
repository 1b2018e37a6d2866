"""Signing keys in MongoDB, their private halves sealed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts.identity import KEYS as TOPIC
from shop_events.outbox import OUTBOX
from shop_identity.domain.keys import SigningKey
from shop_identity.store.schema import GUARDS, KEYS


class KeyRepository:
    """Reads and writes keys that are not retired."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._keys = db[KEYS]
        self._guards = db[GUARDS]
        self._outbox = db[OUTBOX]
        self._session = session

    async def all(self) -> list[SigningKey]:
        """Return all of them; they are few."""
        found = self._keys.find(session=self._session).limit(100)
        return [_from_document(document) async for document in found]

    async def in_use(self, now: datetime) -> SigningKey | None:
        """Return the key that signs at ``now``, None before the first one does."""
        document = await self._keys.find_one(
            {"signs_from": {"$lte": now}}, sort=[("signs_from", -1)], session=self._session
        )
        return document and _from_document(document)

    async def is_published(self, key: SigningKey) -> bool:
        """Say whether the brokers acknowledged the key: the relay removes its row only then."""
        row = await self._outbox.find_one({"topic": TOPIC, "key": key.kid}, {"_id": 1}, session=self._session)
        return row is None

    async def add(self, key: SigningKey) -> None:
        """Store a new key; whoever adds one at the same time has to look again."""
        await self._guards.update_one(
            {"_id": "key ring"}, {"$inc": {"added": 1}}, upsert=True, session=self._session
        )
        await self._keys.insert_one(_to_document(key), session=self._session)

    async def save(self, key: SigningKey) -> None:
        """Store since when a key signs."""
        await self._keys.update_one(
            {"_id": key.kid}, {"$set": {"signs_from": key.signs_from}}, session=self._session
        )

    async def remove(self, key: SigningKey) -> None:
        """Forget a retired key."""
        await self._keys.delete_one({"_id": key.kid}, session=self._session)

    async def touch(self, now: datetime) -> list[SigningKey]:
        """Return all of them, written to, so that a change at the same time conflicts."""
        await self._keys.update_many({}, {"$set": {"republished_at": now}}, session=self._session)
        return await self.all()


def _to_document(key: SigningKey) -> dict[str, Any]:
    return {
        "_id": key.kid,
        "x": key.x,
        "sealed": key.sealed,
        "created_at": key.created_at,
        "signs_from": key.signs_from,
        "version": key.version,
    }


def _from_document(document: dict[str, Any]) -> SigningKey:
    return SigningKey(
        kid=document["_id"],
        x=document["x"],
        sealed=document["sealed"],
        created_at=document["created_at"],
        signs_from=document["signs_from"],
        version=document["version"],
    )
