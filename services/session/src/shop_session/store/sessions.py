"""Sessions in MongoDB, found by the digest of their string. One that is over is not there any more.

No write creates a session but :meth:`Sessions.add`: a request that took long finds nothing to write to once
the session has ended or answers to another string.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shop_session.domain.errors import SessionEnded
from shop_session.domain.sessions import Consent, Session
from shop_session.store.repository import Document, Repository, version_before


class Sessions(Repository):
    """The sessions there are."""

    async def find(self, digest: str) -> Session | None:
        """Return the session that answers to a string, also when it has expired."""
        document = await self._collection.find_one({"digest": digest}, session=self._session)
        return _session_of(document) if document else None

    async def find_all(self, digests: Sequence[str]) -> list[Session | None]:
        """Return the sessions that answer to several strings, in the order of these."""
        found = self._collection.find({"digest": {"$in": list(set(digests))}}, session=self._session)
        sessions = {document["digest"]: _session_of(document) async for document in found}
        return [sessions.get(digest) for digest in digests]

    async def of_family(self, family_id: str) -> list[Session]:
        """Return the sessions that rely on a login."""
        return await self._many({"family_id": family_id})

    async def of_user(self, user_id: str, below_epoch: int | None = None) -> list[Session]:
        """Return a user's sessions, those linked with a token below an epoch if one is named."""
        query: Document = {"user_id": user_id}
        if below_epoch is not None:
            query["epoch"] = {"$lt": below_epoch}
        return await self._many(query)

    async def expired(self, now: datetime, limit: int) -> list[Session]:
        """Return up to ``limit`` sessions whose time is over, the longest first."""
        query = {"idle_until": {"$lte": now}}
        found = self._collection.find(query, session=self._session).sort("idle_until", 1).limit(limit)
        return [_session_of(document) async for document in found]

    async def add(self, session: Session) -> None:
        await self._collection.insert_one(_document(session), session=self._session)

    async def save(self, session: Session) -> None:
        """Store what happened to a session.

        Raises:
            SessionEnded: it is over, or something else happened to it.
        """
        document = _document(session)
        key = {"_id": document.pop("_id"), "version": version_before(session)}
        result = await self._collection.update_one(key, {"$set": document}, session=self._session)
        _assert_one(result.matched_count)

    async def touch(self, session: Session, idle_until: datetime) -> None:
        """Let a session that was used last until ``idle_until``.

        Raises:
            SessionEnded: it is over.
        """
        await self._update(session, {"$max": {"idle_until": idle_until}})

    async def set_consent(self, session: Session, consent: Consent) -> None:
        """Store what the visitor agreed to.

        Raises:
            SessionEnded: the session is over.
        """
        await self._update(session, {"$set": {"consent": asdict(consent)}})

    async def remove(self, session: Session) -> None:
        """Forget a session that has ended.

        Raises:
            SessionEnded: something else happened to it.
        """
        key = {"_id": session.visitor_id, "version": version_before(session)}
        result = await self._collection.delete_one(key, session=self._session)
        _assert_one(result.deleted_count)

    async def _update(self, session: Session, change: Document) -> None:
        live = {"_id": session.visitor_id, "digest": session.digest}
        result = await self._collection.update_one(live, change, session=self._session)
        _assert_one(result.matched_count)

    async def _many(self, query: Document) -> list[Session]:
        found = self._collection.find(query, session=self._session)
        return [_session_of(document) async for document in found]


def _assert_one(count: int) -> None:
    if count != 1:
        raise SessionEnded


def _session_of(document: Document) -> Session:
    consent = Consent(**document["consent"])
    names = ("digest", "idle_until", "expires_at", "user_id", "family_id", "epoch", "version")
    return Session(visitor_id=document["_id"], consent=consent, **{name: document[name] for name in names})


def _document(session: Session) -> dict[str, Any]:
    return {
        "_id": session.visitor_id,
        "digest": session.digest,
        "idle_until": session.idle_until,
        "expires_at": session.expires_at,
        "consent": asdict(session.consent),
        "user_id": session.user_id,
        "family_id": session.family_id,
        "epoch": session.epoch,
        "version": session.version,
    }
