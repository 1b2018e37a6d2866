"""Saved cards in MongoDB: in their user's document, so that closing an account and saving a card conflict."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shop_identity.domain.cards import Card, CardRequest, Wallet
from shop_identity.domain.errors import CardTaken, UnknownUser, VersionMismatch
from shop_identity.store.schema import USERS, loaded_version

Document = dict[str, Any]


class WalletRepository:
    """Reads and writes the saved cards of users."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._users = db[USERS]
        self._session = session

    async def of(self, user_id: str) -> Wallet:
        """Return a user's cards, which may be none; UnknownUser when there is no such user."""
        document = await self._users.find_one({"_id": user_id}, {"wallet": 1}, session=self._session)
        if document is None:
            raise UnknownUser
        return _from_document(document)

    async def save(self, wallet: Wallet) -> None:
        """Store changed cards.

        Raises:
            VersionMismatch: they are not those that were read.
            CardTaken: somebody else has saved one of them.
        """
        loaded = loaded_version(wallet)
        as_read = {"_id": wallet.user_id, "wallet.version": loaded or None}
        try:
            result = await self._users.update_one(
                as_read, {"$set": {"wallet": _to_document(wallet)}}, session=self._session
            )
        except DuplicateKeyError as error:
            raise CardTaken from error
        if result.matched_count != 1:
            raise VersionMismatch

    async def touch_after(self, user_id: str, limit: int, now: datetime) -> list[Wallet]:
        """Return the next users' cards by user, written to, so that a change at the same time conflicts.

        Those who have none are among them when they had some.
        """
        query = {"_id": {"$gt": user_id}, "wallet.version": {"$gt": 0}}
        found = self._users.find(query, {"wallet": 1}, session=self._session).sort("_id").limit(limit)
        wallets = [_from_document(document) async for document in found]
        await self._users.update_many(
            {"_id": {"$in": [wallet.user_id for wallet in wallets]}},
            {"$set": {"republished_at": now}},
            session=self._session,
        )
        return wallets


def _to_document(wallet: Wallet) -> Document:
    return {
        "version": wallet.version,
        "cards": [asdict(card) for card in wallet.cards],
        "spent": list(wallet.spent),
    }


def _from_document(document: Document) -> Wallet:
    stored = document.get("wallet")
    if stored is None:
        return Wallet(document["_id"])
    cards = tuple(Card(**{**card, "request": CardRequest(**card["request"])}) for card in stored["cards"])
    return Wallet(document["_id"], cards, tuple(stored["spent"]), stored["version"])
