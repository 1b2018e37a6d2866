"""What identity tells: users, erasures, contacts, cards, secrets to be mailed, keys, revocations, access."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shop_events.contracts.base import Event, Instant, Personal

USERS = "identity.users.v1"
CONTACTS = "identity.contacts.v1"
KEYS = "identity.keys.v1"
REVOCATIONS = "identity.revocations.v1"
PAYMENT_METHODS = "identity.payment-methods.v1"
LINKS = "identity.links.v1"
ACCESS = "identity.access.v1"
ERASURES = "identity.erasures.v1"


class UserChanged(Event, type="identity.user.changed.v1", topic=USERS, key="user_id"):
    """The user as every service may know it: ids, roles and status, nothing personal."""

    user_id: str
    roles: tuple[str, ...] = ()
    status: Literal["active", "disabled"] = "active"
    segments: tuple[str, ...] = ()


class UserDeleted(Event, type="identity.user.deleted.v1", topic=USERS, key="user_id", tombstone=True):
    """The user is gone."""

    user_id: str


class UserErased(Event, type="identity.user.erased.v1", topic=ERASURES, key="user_id"):
    """The user is to be forgotten by every service, also by one that was away when they left."""

    user_id: str
    at: Instant


class ContactPoint(BaseModel):
    """An address a person can be reached at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    channel: Literal["email", "sms"]
    address: Annotated[str, Personal]
    verified: bool = False


class ContactChanged(Event, type="identity.contact.changed.v1", topic=CONTACTS, key="user_id"):
    """How a user wants to be addressed, whole: the newest one replaces all earlier ones.

    ``marketing_since`` is when the user last agreed to be sent what they did not ask for; None: they do not.
    A ``guest`` has no account to look into: their receipt carries a link (:class:`GuestLinkIssued`).
    """

    user_id: str
    guest: bool = False
    name: Annotated[str, Personal] = ""
    points: tuple[ContactPoint, ...] = ()
    language: Annotated[str, Personal] = "en"
    time_zone: Annotated[str, Personal] = "UTC"
    marketing_since: Annotated[Instant | None, Personal] = None


class ContactDeleted(
    Event, type="identity.contact.deleted.v1", topic=CONTACTS, key="user_id", tombstone=True
):
    """Nobody may address this user any more."""

    user_id: str


class PaymentMethod(BaseModel):
    """A card that the provider keeps for a user; the number is known to nobody here.

    Args:
        id: ours, ``card_…``.
        token: the provider's, ``pm_…``, with which it is charged.
        expires: the last month in which it holds, ``YYYY-MM``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    token: Annotated[str, Personal]
    brand: Annotated[str, Personal] = ""
    last_four: Annotated[str, Personal] = ""
    expires: Annotated[str | None, Personal] = None


class PaymentMethodsChanged(
    Event, type="identity.payment-methods.changed.v1", topic=PAYMENT_METHODS, key="user_id"
):
    """The cards that a user has saved, whole: the newest list replaces all earlier ones."""

    user_id: str
    methods: tuple[PaymentMethod, ...] = ()


class PaymentMethodsDeleted(
    Event, type="identity.payment-methods.deleted.v1", topic=PAYMENT_METHODS, key="user_id", tombstone=True
):
    """No card of this user is kept any more."""

    user_id: str


class GuestCodeIssued(Event, type="identity.guest.code-issued.v1", topic=LINKS, key="user_id"):
    """Somebody who says that ``address`` is theirs has to know ``code``: mail it there, and nowhere else.

    ``user_id`` is whom they will be; nobody is, before the code was shown.
    """

    user_id: str
    verification_id: str
    address: Annotated[str, Personal] = Field(repr=False)
    name: Annotated[str, Personal] = Field("", repr=False)
    language: Annotated[str, Personal] = "en"
    code: Annotated[str, Personal] = Field(repr=False)
    expires_at: Instant


class GuestLinkIssued(Event, type="identity.guest.link-issued.v1", topic=LINKS, key="user_id"):
    """Whoever shows ``token`` may follow this guest's orders: it belongs into mail to them alone."""

    user_id: str
    link_id: str
    token: Annotated[str, Personal] = Field(repr=False)
    issued_at: Instant
    expires_at: Instant


class SigningKeyPublished(Event, type="identity.key.published.v1", topic=KEYS, key="kid"):
    """A public key that access tokens may be signed with (JWK, RFC 7517; OKP, RFC 8037)."""

    kid: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    x: str
    published_at: Instant


class SigningKeyRetired(Event, type="identity.key.retired.v1", topic=KEYS, key="kid", tombstone=True):
    """No valid token is signed with this key any more."""

    kid: str


class TokensRevoked(Event, type="identity.token.revoked.v1", topic=REVOCATIONS, key="subject"):
    """Tokens of ``subject`` (a user or a token family) below ``lowest_epoch`` are refused."""

    subject: str
    lowest_epoch: int
    until: Instant


class RevocationExpired(
    Event, type="identity.token.revocation-expired.v1", topic=REVOCATIONS, key="subject", tombstone=True
):
    """Every token the revocation was about has expired by itself."""

    subject: str


class LoginSucceeded(Event, type="identity.access.login-succeeded.v1", topic=ACCESS, key="user_id"):
    """A user proved who they are."""

    user_id: str
    family_id: str
    at: Instant


class LoginFailed(Event, type="identity.access.login-failed.v1", topic=ACCESS, key="subject"):
    """Somebody did not. ``subject`` is the user, or a keyed hash of what was typed when there is none."""

    subject: str
    reason: Literal["credentials", "throttled", "disabled"]
    at: Instant


class TokenReuseDetected(Event, type="identity.access.token-reused.v1", topic=ACCESS, key="user_id"):
    """A refresh token that had been rotated away was shown again; its family was revoked."""

    user_id: str
    family_id: str
    at: Instant
