"""What guests have to show, in MongoDB. Codes and tokens are here as hashes; what has expired is removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_identity.domain.addresses import EmailAddress
from shop_identity.domain.guests import FollowLink, Verification
from shop_identity.domain.users import Profile
from shop_identity.store.families import digest
from shop_identity.store.schema import FOLLOW_LINKS, VERIFICATIONS

Document = dict[str, Any]


class Tries:
    """Counts how often codes are shown.

    Written outside of transactions on purpose: a try counts even though nothing else comes of the request.
    """

    def __init__(self, db: AsyncDatabase[Any], clock: Callable[[], datetime]) -> None:
        self._verifications = db[VERIFICATIONS]
        self._clock = clock

    async def spend(self, verification_id: str) -> Verification | None:
        """Take one try and return what it is of; None when there is none left, or nothing to be tried."""
        document = await self._verifications.find_one_and_update(
            {"_id": verification_id, "tries_left": {"$gt": 0}, "expires_at": {"$gt": self._clock()}},
            {"$inc": {"tries_left": -1}},
            return_document=ReturnDocument.AFTER,
        )
        return document and _verification(document)


class GuestProofs:
    """Keeps verifications, and links to follow orders. Of a token only its SHA-256 is stored."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._verifications = db[VERIFICATIONS]
        self._links = db[FOLLOW_LINKS]
        self._session = session

    async def begin(self, verification: Verification) -> None:
        """Store a verification that somebody asked for."""
        await self._verifications.insert_one(_to_document(verification), session=self._session)

    async def redeem(self, verification_id: str) -> bool:
        """Let a verification count; False when it has before."""
        gone = await self._verifications.delete_one({"_id": verification_id}, session=self._session)
        return gone.deleted_count == 1

    async def forget(self, user_id: str) -> None:
        """Let no code and no link lead to a user any more."""
        for proofs in (self._verifications, self._links):
            await proofs.delete_many({"user_id": user_id}, session=self._session)

    async def add_link(self, token: str, link: FollowLink) -> None:
        """Store a link under its token."""
        document = asdict(link)
        stored = {"_id": digest(token), "link_id": document.pop("id"), **document}
        await self._links.insert_one(stored, session=self._session)

    async def link_by_token(self, token: str) -> FollowLink | None:
        """Return the link that a token opens."""
        document = await self._links.find_one({"_id": digest(token)}, session=self._session)
        if document is None:
            return None
        del document["_id"]
        return FollowLink(document.pop("link_id"), **document)


def _to_document(verification: Verification) -> Document:
    document = asdict(verification)
    document["email"] = list(verification.email)
    return {"_id": document.pop("id"), **document}


def _verification(document: Document) -> Verification:
    id = document.pop("_id")
    email = EmailAddress(*document.pop("email"))
    return Verification(id=id, email=email, profile=Profile(**document.pop("profile")), **document)
