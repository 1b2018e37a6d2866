"""What identity refuses, and why.

::

    IdentityError
    ├── InvalidField              a value in the request is not acceptable; says which
    ├── AddressTaken              somebody has registered with this address
    ├── IdempotencyKeyReused      the key came with another request before
    ├── WrongCredentials          address and password do not belong together
    ├── Throttled                 too many failures; says when to come back
    ├── RefreshRefused            the refresh token is unknown, expired, revoked
    ├── RefreshTokenReused        it had been rotated away: somebody else may have it
    ├── UnknownUser               there is no such user
    ├── VersionMismatch           the user was changed since it was read
    ├── ProofRefused              the code or link of a guest does not hold
    ├── NotAllowed                the caller's roles do not cover this
    ├── AdministratorExists       the first administrator is made once
    ├── OwnRoleKept               administrators do not take the role from themselves
    ├── GuestRoleKept             guests become nothing else, and nobody else becomes a guest
    ├── AccountNeeded             a guest has no account to keep a card in, or to close
    ├── UnknownCard               the user has no such card
    ├── CardTaken                 the card is saved already
    ├── CardRemoved               the request saved a card that was removed since
    ├── TooManyCards              as many cards are saved as may be
    ├── NoSigningKey              no key has been known to everybody for long enough yet
    └── HashingBusy               as many passwords as allowed are waiting to be hashed
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, ClassVar

from shop_events.contracts.base import DomainError


class IdentityError(DomainError):
    """Base of everything identity refuses. Its text never repeats what was sent."""

    text: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__(self.text)


class InvalidField(IdentityError):
    """A value in the request is not acceptable."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__()
        self.members: dict[str, Any] = {"errors": [{"pointer": f"#/{field}", "message": message}]}


class AddressTaken(IdentityError):
    """Somebody has registered with this address."""

    text = "An account with this e-mail address exists."


class IdempotencyKeyReused(IdentityError):
    """The key came with another request before."""

    text = "This Idempotency-Key was used with another request."


class WrongCredentials(IdentityError):
    """Address and password do not belong together, or the user may not log in."""

    text = "The e-mail address or the password is wrong."


class Throttled(IdentityError):
    """Too many failures."""

    text = "Too many failed attempts."

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__()
        self.members: dict[str, Any] = {"retry_after": math.ceil(retry_after.total_seconds())}


class RefreshRefused(IdentityError):
    """The refresh token is unknown, expired or revoked."""

    text = "The refresh token is not valid (any more)."


class RefreshTokenReused(IdentityError):
    """The refresh token had been rotated away. Never answered: clients see it as any other refusal."""


class ProofRefused(IdentityError):
    """A guest's code or link is wrong, unknown, used up, expired or revoked; which of these is not said."""

    text = "This does not hold (any more)."


class UnknownUser(IdentityError):
    """There is no such user."""

    text = "There is no such user."


class VersionMismatch(IdentityError):
    """The user was changed since it was read."""

    text = "The user was changed since it was read."


class NotAllowed(IdentityError):
    """The caller's roles do not cover this."""

    text = "This takes the administrator role."


class AdministratorExists(IdentityError):
    """The first administrator is made once."""

    text = "There is an administrator already; further ones are made through the API."


class OwnRoleKept(IdentityError):
    """Administrators do not take the role from themselves, so that one always remains."""

    text = "Another administrator has to take the administrator role from you."


class GuestRoleKept(IdentityError):
    """Guests show no password, so they are trusted with their own orders alone."""

    text = "A guest stays a guest, and nobody else becomes one."


class AccountNeeded(IdentityError):
    """A guest comes back by a link in a mail, which must not be enough for a card, or to end it all."""

    text = "This takes an account; a guest has none."


class UnknownCard(IdentityError):
    """The user has no such card."""

    text = "There is no such card."


class CardTaken(IdentityError):
    """A token stands for one card of one user."""

    text = "This card is saved already."


class CardRemoved(IdentityError):
    """A repeated request brings no card back that its user has removed."""

    text = "The card that this request saved was removed since; save it with a new Idempotency-Key."


class TooManyCards(IdentityError):
    """As many cards are saved as may be."""

    text = "No more cards can be saved; remove one first."


class NoSigningKey(IdentityError):
    """No signing key has been known to everybody for long enough yet."""

    text = "No signing key is in use yet."


class HashingBusy(IdentityError):
    """As many passwords as allowed are waiting to be hashed."""

    text = "Too many passwords are being checked at the moment."
