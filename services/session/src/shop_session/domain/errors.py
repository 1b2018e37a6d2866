"""What the rules of session refuse.

::

    DomainError
    ├── SessionEnded          the session string is unknown, expired, rotated away or revoked
    ├── LoginRevoked          the login that wants to be linked is over
    ├── NotLinked             this belongs to users, and the visitor is not known to be one
    ├── CartFull              a cart has no room for another line
    ├── TooManyPieces         a line would have more pieces than allowed
    ├── VariantNeeded         a product comes in several variants, and a line does not say which
    ├── VersionConflict       what is to be changed was changed meanwhile, or is there already
    ├── StateNotFound         there is no saved state of this name
    ├── StateTooLarge         a saved state would be too large
    ├── TooManyStates         there is no room for another saved state
    └── KeyReused             the idempotency key came with another request before
"""

from __future__ import annotations

from collections.abc import Iterable

from shop_events.contracts import DomainError


class SessionEnded(DomainError):
    """The session is over, or never was; which of it is not said."""


class LoginRevoked(DomainError):
    """The access token's login was ended while the request was under way."""


class NotLinked(DomainError):
    """The visitor is not linked to a user."""


class CartFull(DomainError):
    """The cart has as many lines as a cart may have."""


class TooManyPieces(DomainError):
    """A line would have more pieces than it may have."""


class VariantNeeded(DomainError):
    """A product comes in several variants, and a line does not say which."""

    def __init__(self, product_ids: Iterable[str]) -> None:
        self.members = {"product_ids": sorted(product_ids)}
        super().__init__("Say which variant is meant.")


class VersionConflict(DomainError):
    """What was to be changed is not in the state that the caller expects."""


class StateNotFound(DomainError):
    """There is no saved state of this name."""


class StateTooLarge(DomainError):
    """The saved state would take too many bytes, or is nested too deeply."""


class TooManyStates(DomainError):
    """As many states are saved as one may have."""


class KeyReused(DomainError):
    """The idempotency key came with another request before."""
