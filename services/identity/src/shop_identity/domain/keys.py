"""Signing keys and when each of them is published, signs, and is retired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shop_events.contracts.base import Aggregate
from shop_events.contracts.identity import SigningKeyPublished, SigningKeyRetired
from shop_identity.domain.policy import Policy


class SigningKey(Aggregate):
    """An Ed25519 key pair.

    Args:
        kid: names it in token headers.
        x: the public key, base64url (RFC 8037).
        sealed: the private key, encrypted.
        created_at: when it was made and written to the outbox.
        signs_from: when it may sign; None until the relay has published it.
        version: its version on the topic of keys.
    """

    def __init__(
        self,
        *,
        kid: str,
        x: str,
        sealed: bytes,
        created_at: datetime,
        signs_from: datetime | None = None,
        version: int = 0,
    ) -> None:
        super().__init__()
        self.kid = kid
        self.x = x
        self.sealed = sealed
        self.created_at = created_at
        self.signs_from = signs_from
        self.version = version

    def publish(self) -> None:
        """Tell everybody the public half."""
        self.record(self.current())

    def retire(self) -> None:
        """Let everybody forget it: no valid token is signed with it any more."""
        self.record(SigningKeyRetired(kid=self.kid))

    def current(self) -> SigningKeyPublished:
        """Return the public half as others may know it."""
        return SigningKeyPublished(kid=self.kid, x=self.x, published_at=self.created_at)


class KeyRing:
    """All keys that are not retired, oldest first."""

    def __init__(self, keys: Sequence[SigningKey], policy: Policy) -> None:
        self._keys = sorted(keys, key=lambda key: key.created_at)
        self._policy = policy

    @property
    def waiting(self) -> list[SigningKey]:
        """Keys of which it is not known yet whether the topic has them."""
        return [key for key in self._keys if key.signs_from is None]

    def needs_successor(self, now: datetime) -> bool:
        """Say whether there is no key, or the newest has reached its age."""
        return not self._keys or now - self._keys[-1].created_at >= self._policy.key_life

    def start(self, key: SigningKey, now: datetime) -> None:
        """Fix when a key signs, once it is on the topic: later than verifiers need to learn it.

        The very first one signs at once; nobody could log in before it anyway.
        """
        first = all(other.signs_from is None for other in self._keys)
        key.signs_from = now if first else now + self._policy.key_lead

    def retirable(self, now: datetime) -> list[SigningKey]:
        """Keys whose successor has been signing for longer than their last token can live."""
        over = now - self._policy.longest_acceptance
        started = sorted(
            (key for key in self._keys if key.signs_from is not None and key.signs_from <= over),
            key=lambda key: key.signs_from or over,
        )
        return started[:-1]
