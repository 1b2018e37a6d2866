"""The user: two aggregates of one person, the account (ids, roles) and the contact (how to reach them)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from shop_events.contracts.base import Aggregate, Fact
from shop_events.contracts.identity import (
    ContactChanged,
    ContactDeleted,
    ContactPoint,
    UserChanged,
    UserDeleted,
)
from shop_events.ids import new_id
from shop_identity.domain.addresses import EmailAddress, guest_key
from shop_identity.domain.errors import GuestRoleKept, InvalidField, OwnRoleKept

Status = Literal["active", "disabled"]


class Role(StrEnum):
    """What a user may be."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"
    SUPPORT = "support"
    ADMINISTRATOR = "administrator"
    ANALYST = "analyst"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class Profile:
    """What people say about themselves. ``phone`` is E.164.

    ``marketing_since`` is when they last agreed to be sent what they did not ask for; None: they do not.
    """

    name: str = ""
    phone: str | None = None
    language: str = "en"
    time_zone: str = "UTC"
    marketing_since: datetime | None = None


class Contact(Aggregate):
    """How a user wants to be addressed, told on its own topic with its own versions.

    A ``guest`` has shown that the address is theirs: nothing is kept of one who has not.
    """

    def __init__(
        self, user_id: str, email: str, profile: Profile, version: int = 0, *, guest: bool = False
    ) -> None:
        super().__init__()
        self.guest = guest
        self.user_id = user_id
        self.email = email
        self.profile = profile
        self.version = version

    def change(self, profile: Profile) -> None:
        """Take over a new profile; nothing happens when it is the same.

        Raises:
            InvalidField: a guest names a phone, which nobody has shown to be theirs.
        """
        if self.guest and profile.phone:
            raise InvalidField("phone", "Guests are reached by e-mail alone.")
        if profile != self.profile:
            self.profile = profile
            self.record(self.current())

    def current(self) -> ContactChanged:
        """Return the state as others may know it."""
        points = [ContactPoint(channel="email", address=self.email, verified=self.guest)]
        if self.profile.phone:
            points.append(ContactPoint(channel="sms", address=self.profile.phone))
        return ContactChanged(
            user_id=self.user_id,
            guest=self.guest,
            name=self.profile.name,
            points=tuple(points),
            language=self.profile.language,
            time_zone=self.profile.time_zone,
            marketing_since=self.profile.marketing_since,
        )


@dataclass(frozen=True, slots=True)
class Registration:
    """Which request made the user: its idempotency key and a keyed hash of its body without the password."""

    key: str
    fingerprint: str


class User(Aggregate):
    """An account, or a guest: somebody without a password who can read an address's mail.

    ``epoch`` is in each access token and rises when tokens issued so far must fall. ``families_from`` is the
    lowest epoch at which a token family may have been opened to be alive: logging out everywhere sets it.
    """

    def __init__(
        self,
        *,
        id: str,
        email: EmailAddress,
        password_hash: str | None,
        roles: Iterable[Role],
        contact: Contact,
        created_at: datetime,
        status: Status = "active",
        epoch: int = 1,
        families_from: int = 1,
        version: int = 0,
        registration: Registration | None = None,
    ) -> None:
        super().__init__()
        self.id = id
        self.email = email
        self.password_hash = password_hash
        self.roles = frozenset(roles)
        self.contact = contact
        self.created_at = created_at
        self.status: Status = status
        self.epoch = epoch
        self.families_from = families_from
        self.version = version
        self.registration = registration

    @classmethod
    def register(
        cls,
        email: EmailAddress,
        password_hash: str,
        profile: Profile,
        now: datetime,
        *,
        role: Role = Role.CUSTOMER,
        registration: Registration | None = None,
    ) -> User:
        """Make a new user."""
        id = new_id("usr")
        contact = Contact(id, email.address, profile)
        user = cls(
            id=id,
            email=email,
            password_hash=password_hash,
            roles=[role],
            contact=contact,
            created_at=now,
            registration=registration,
        )
        user.record(user.current())
        contact.record(contact.current())
        return user

    @classmethod
    def admit_guest(cls, id: str, email: EmailAddress, profile: Profile, now: datetime) -> User:
        """Make a guest of somebody who has shown that the address is theirs."""
        contact = Contact(id, email.address, profile, guest=True)
        user = cls(
            id=id,
            email=EmailAddress(email.address, guest_key(email)),
            password_hash=None,
            roles=[Role.GUEST],
            contact=contact,
            created_at=now,
        )
        user.record(user.current())
        contact.record(contact.current())
        return user

    @property
    def is_guest(self) -> bool:
        """Say whether this is a guest, and nothing else."""
        return self.roles == {Role.GUEST}

    @property
    def all_facts(self) -> list[Fact]:
        """What happened to the account and to the contact."""
        return [*self.facts, *self.contact.facts]

    @property
    def revision(self) -> int:
        """Number of this state of account and contact together; every change that others see raises it."""
        return self.version + self.contact.version

    @property
    def may_log_in(self) -> bool:
        """Say whether the account is open."""
        return self.status == "active"

    def current(self) -> UserChanged:
        """Return the state as every service may know it."""
        return UserChanged(user_id=self.id, roles=tuple(sorted(self.roles)), status=self.status)

    def assign_roles(self, roles: Iterable[Role], by: str) -> bool:
        """Replace the roles; tokens that carry the old ones fall. False when they are the same already.

        Raises:
            OwnRoleKept: the administrator ``by`` would take that role from themselves.
            GuestRoleKept: a guest would become something else, or somebody else a guest.
        """
        wanted = frozenset(roles)
        if wanted == self.roles:
            return False
        if Role.GUEST in wanted | self.roles:
            raise GuestRoleKept
        if by == self.id and Role.ADMINISTRATOR not in wanted:
            raise OwnRoleKept
        self.roles = wanted
        self.epoch += 1
        self.record(self.current())
        return True

    def close(self) -> None:
        """End the account for good; all tokens of it fall."""
        self.epoch += 1
        self.record(UserDeleted(user_id=self.id))
        self.contact.record(ContactDeleted(user_id=self.id))

    def log_out_everywhere(self) -> None:
        """End all families opened so far and let their tokens fall. Others learn it as a revocation."""
        self.epoch += 1
        self.families_from = self.epoch
