"""Read models of people, from what identity tells: how to reach them, whether they are still there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shop_events.contracts.identity import ContactChanged
from shop_events.read_model import ReadModel
from shop_notifier.domain.access import ADMINISTRATOR
from shop_notifier.domain.notifications import Channel

CONTACTS = "contacts"
USERS = "users"

_MOST_ADMINISTRATORS = 100


@dataclass(frozen=True, slots=True)
class Contact:
    """How to address a person. ``email`` and ``sms`` are None where there is no such point.

    ``marketing_since`` is when they last agreed to be sent what they did not ask for; None: they do not.
    A ``guest`` has no account to look into.
    """

    user_id: str
    name: str = field(repr=False)
    language: str
    email: str | None = field(repr=False)
    sms: str | None = field(repr=False)
    marketing_since: datetime | None = None
    guest: bool = False

    @property
    def channels(self) -> list[Channel]:
        """The ways to reach this person besides the site."""
        points = {Channel.EMAIL: self.email, Channel.SMS: self.sms}
        return [channel for channel, address in points.items() if address]


class Contacts(ReadModel):
    """The newest contact points of each user."""

    async def contact(self, user_id: str) -> Contact | None:
        """Return how to reach a user; None when nothing has arrived, or nobody may address them any more."""
        document = await self.get(user_id)
        return None if document is None else _contact(document)

    async def contacts(self, user_ids: set[str]) -> dict[str, Contact]:
        """Return the known contacts among ``user_ids``."""
        return {key: _contact(document) for key, document in (await self.get_many(user_ids)).items()}


class Users(ReadModel):
    """The newest state of each user."""

    async def is_gone(self, user_id: str) -> bool:
        """Say whether the user is known to have left."""
        gone = {"_id": user_id, "gone": True}
        return await self._collection.find_one(gone, {"_id": 1}, session=self._session) is not None

    async def administrators(self) -> set[str]:
        """Return the ids of all active administrators, a hundred at most."""
        wanted = {"roles": ADMINISTRATOR, "gone": False, "status": "active"}
        found = self._collection.find(wanted, {"_id": 1}, session=self._session).limit(_MOST_ADMINISTRATORS)
        return {document["_id"] async for document in found}


def _contact(document: dict[str, Any]) -> Contact:
    told = ContactChanged.model_validate({**document, "user_id": document["_id"]})
    points = sorted(told.points, key=lambda point: not point.verified)
    address = {point.channel: point.address for point in reversed(points)}
    return Contact(
        told.user_id,
        told.name,
        told.language,
        address.get("email"),
        address.get("sms"),
        told.marketing_since,
        told.guest,
    )
