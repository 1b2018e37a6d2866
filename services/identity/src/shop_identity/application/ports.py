"""What use cases need from outside, by protocol."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from shop_identity.domain.keys import SigningKey


class Caller(Protocol):
    """Who asks, as their access token says."""

    @property
    def user_id(self) -> str:
        """The user."""

    @property
    def roles(self) -> frozenset[str]:
        """What they may be."""

    @property
    def family_id(self) -> str:
        """The token family."""


class Passwords(Protocol):
    """Hashes passwords elsewhere than on the event loop. Raises HashingBusy when too many are waiting."""

    async def hash(self, password: str) -> str:
        """Return a salted hash."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Say whether the password fits; None never does, and takes as long."""


class KeySmith(Protocol):
    """Makes signing keys."""

    def new_key(self, now: datetime) -> SigningKey:
        """Make a key pair."""


class TokenSigner(Protocol):
    """Signs access tokens."""

    def sign(self, key: SigningKey, claims: Mapping[str, Any]) -> str:
        """Return the signed token."""
