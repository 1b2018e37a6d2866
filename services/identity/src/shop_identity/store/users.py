"""Users in MongoDB: one document holds the account and the contact, each with its own version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_identity.domain.addresses import EmailAddress
from shop_identity.domain.errors import UnknownUser, VersionMismatch
from shop_identity.domain.users import Contact, Profile, Registration, Role, User
from shop_identity.store.schema import GUARDS, USERS, loaded_version

Document = dict[str, Any]


class UserRepository:
    """Reads and writes users."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._users = db[USERS]
        self._guards = db[GUARDS]
        self._session = session

    async def get(self, user_id: str) -> User:
        """Return a user; UnknownUser when there is none."""
        user = await self._one({"_id": user_id})
        if user is None:
            raise UnknownUser
        return user

    async def by_email(self, key: str) -> User | None:
        """Return who registered with the address of ``key`` (EmailAddress), or its guest (``guest_key``)."""
        return await self._one({"email_key": key})

    async def administrator_exists(self) -> bool:
        """Say whether there is one; whoever asks in a transaction asks one after the other."""
        await self._guards.update_one(
            {"_id": "administrator"}, {"$inc": {"asked": 1}}, upsert=True, session=self._session
        )
        return await self._one({"roles": Role.ADMINISTRATOR.value}) is not None

    async def add(self, user: User) -> None:
        """Store a new user; DuplicateKeyError when a race for the address was lost."""
        await self._users.insert_one(_to_document(user), session=self._session)

    async def save(self, user: User) -> None:
        """Store a changed user; VersionMismatch when it is not the one that was read."""
        versions = {"version": loaded_version(user), "contact.version": loaded_version(user.contact)}
        document = _to_document(user)
        result = await self._users.update_one(
            {"_id": document.pop("_id"), **versions}, {"$set": document}, session=self._session
        )
        if result.matched_count != 1:
            raise VersionMismatch

    async def remove(self, user: User) -> None:
        """Forget a user and all they have saved; VersionMismatch when it is not the one that was read."""
        as_read = {"_id": user.id, "version": user.version, "contact.version": user.contact.version}
        result = await self._users.delete_one(as_read, session=self._session)
        if result.deleted_count != 1:
            raise VersionMismatch

    async def touch_after(self, user_id: str, limit: int, now: datetime) -> list[User]:
        """Return the next users by id, written to, so that a change at the same time conflicts."""
        found = self._users.find({"_id": {"$gt": user_id}}, session=self._session).sort("_id").limit(limit)
        users = [_from_document(document) async for document in found]
        await self._users.update_many(
            {"_id": {"$in": [user.id for user in users]}},
            {"$set": {"republished_at": now}},
            session=self._session,
        )
        return users

    async def _one(self, query: Document) -> User | None:
        document = await self._users.find_one(query, session=self._session)
        return document and _from_document(document)


def _to_document(user: User) -> Document:
    contact, profile = user.contact, user.contact.profile
    made_by = user.registration
    return {
        "_id": user.id,
        "email": user.email.address,
        "email_key": user.email.key,
        "password_hash": user.password_hash,
        "roles": sorted(user.roles),
        "status": user.status,
        "epoch": user.epoch,
        "families_from": user.families_from,
        "version": user.version,
        "contact": {
            "version": contact.version,
            "guest": contact.guest,
            "name": profile.name,
            "phone": profile.phone,
            "language": profile.language,
            "time_zone": profile.time_zone,
            "marketing_since": profile.marketing_since,
        },
        "registration": made_by and {"key": made_by.key, "fingerprint": made_by.fingerprint},
        "created_at": user.created_at,
    }


def _from_document(document: Document) -> User:
    profile = dict(document["contact"])
    version, guest = profile.pop("version"), profile.pop("guest", False)  # older documents do not say
    made_by = document["registration"]
    return User(
        id=document["_id"],
        email=EmailAddress(document["email"], document["email_key"]),
        password_hash=document["password_hash"],
        roles=map(Role, document["roles"]),
        contact=Contact(document["_id"], document["email"], Profile(**profile), version, guest=guest),
        created_at=document["created_at"],
        status=document["status"],
        epoch=document["epoch"],
        families_from=document["families_from"],
        version=document["version"],
        registration=made_by and Registration(**made_by),
    )
