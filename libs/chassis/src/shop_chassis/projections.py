"""What the verifier of tokens knows: identity's state topics, as this process holds them in memory."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt import InvalidKeyError
from jwt.algorithms import OKPAlgorithm

from shop_chassis.auth import TokenVerifier
from shop_chassis.settings import ServiceSettings
from shop_chassis.supervision import Part
from shop_events.compacted_view import CompactedView
from shop_events.contracts import Event
from shop_events.contracts.identity import (
    RevocationExpired,
    SigningKeyPublished,
    SigningKeyRetired,
    TokensRevoked,
)

FOLLOWED_BY_ALL = (SigningKeyPublished, SigningKeyRetired, TokensRevoked, RevocationExpired)
"""What every process reads for itself, to verify tokens."""

E_co = TypeVar("E_co", bound=Event, covariant=True)

log = structlog.get_logger("shop_chassis.projections")


class View(Protocol[E_co]):
    """The newest event per key of a state topic, such as ``shop_events``' CompactedView."""

    def get(self, key: str) -> E_co | None:
        """Return the newest state of ``key``, None when there is none."""


class SigningKeys:
    """The keys of identity.keys, as a source of keys for the verifier."""

    def __init__(self, view: View[SigningKeyPublished]) -> None:
        self._view = view

    def key(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key called ``kid``; None when it is unknown, retired or no Ed25519 key."""
        published = self._view.get(kid)
        return _public_key(published.x) if published else None


class Revocations:
    """The revocations of identity.revocations, as the verifier asks for them."""

    def __init__(self, view: View[TokensRevoked]) -> None:
        self._view = view

    def lowest_epoch(self, subject: str) -> int | None:
        """Return the lowest epoch still valid for a user or a token family, None when all are."""
        revoked = self._view.get(subject)
        return revoked.lowest_epoch if revoked else None


def local_verifier(settings: ServiceSettings) -> tuple[TokenVerifier, list[Part]]:
    """Return a verifier that asks nobody, and the parts that keep what it knows up to date."""
    keys = CompactedView(settings.kafka, SigningKeyPublished)
    revocations = CompactedView(settings.kafka, TokensRevoked)
    verifier = TokenVerifier(
        SigningKeys(keys),
        Revocations(revocations),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        leeway=settings.token_leeway,
        informed=lambda: keys.caught_up.is_set() and revocations.caught_up.is_set(),
    )
    return verifier, [
        Part("signing-keys", keys.run, keys.caught_up.is_set, outlived=True),
        Part("revocations", revocations.run, revocations.caught_up.is_set, outlived=True),
    ]


@lru_cache(maxsize=64)
def _public_key(x: str) -> Ed25519PublicKey | None:
    try:
        key = OKPAlgorithm.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": x})
    except (InvalidKeyError, ValueError):
        log.error("unusable signing key")
        return None
    return key if isinstance(key, Ed25519PublicKey) else None
