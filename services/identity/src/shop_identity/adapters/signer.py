"""Ed25519 keys and what is signed with them. Private halves leave this module sealed."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import jwt
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shop_identity.domain.keys import SigningKey


class Signer:
    """Makes signing keys and signs access tokens (RFC 9068).

    Args:
        sealing_keys: Fernet keys; the first one seals, each of them opens, so that it can be changed.
    """

    def __init__(self, sealing_keys: Sequence[str]) -> None:
        self._box = MultiFernet([Fernet(key) for key in sealing_keys])
        self._opened = lru_cache(maxsize=8)(self._open)

    def new_key(self, now: datetime) -> SigningKey:
        """Make a key pair."""
        private = Ed25519PrivateKey.generate()
        return SigningKey(
            kid=f"key_{secrets.token_hex(8)}",
            x=base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).decode().rstrip("="),
            sealed=self._box.encrypt(private.private_bytes_raw()),
            created_at=now,
        )

    def sign(self, key: SigningKey, claims: Mapping[str, Any]) -> str:
        """Return the signed token."""
        return jwt.encode(
            dict(claims),
            self._opened(key.sealed),
            algorithm="EdDSA",
            headers={"typ": "at+jwt", "kid": key.kid},
        )

    def _open(self, sealed: bytes) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._box.decrypt(sealed))
