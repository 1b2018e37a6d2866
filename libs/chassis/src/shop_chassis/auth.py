"""Who is calling: verification of access tokens (JWT, RFC 9068 profile, EdDSA alone), without asking anyone.

Signing lives in identity. Authorization is decided in ``application``, with the :class:`Caller` made here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, NamedTuple, Protocol, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shop_chassis.problems import Forbidden, Unauthenticated, Unavailable

_MOST_CHARACTERS = 4096
_MOST_KNOWN = 4096
"""Tokens that are remembered, of some 700 bytes each."""

READ_ONLY = "read-only"
"""The scope of a token that changes nothing, in any service: what a link in a mail is worth."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, section 9.2.1
_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti"]


class KeySource(Protocol):
    """Knows the public keys that tokens may be signed with."""

    def key(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key called ``kid``, None when there is none."""


class RevocationSource(Protocol):
    """Knows which tokens were revoked."""

    def lowest_epoch(self, subject: str) -> int | None:
        """Return the lowest epoch still valid for a user or a token family, None when all are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token was found valid. ``family_id`` is the session family (claim ``sid``)."""

    user_id: str
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    family_id: str = ""
    epoch: int = field(default=0, compare=False)

    def has_role(self, role: str) -> bool:
        """Say whether the caller has ``role``."""
        return role in self.roles

    def require_role(self, *roles: str) -> None:
        """Go on only if the caller has one of ``roles``.

        Raises:
            Forbidden: the caller has none of them.
        """
        if self.roles.isdisjoint(roles):
            raise Forbidden

    def require_scope(self, scope: str) -> None:
        """Go on only if the token carries ``scope``.

        Raises:
            Forbidden: it does not.
        """
        if scope not in self.scopes:
            raise Forbidden


class Claims(BaseModel):
    """The payload of an access token, with exact types; further claims are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    iss: str
    aud: str
    sub: str = Field(pattern=r"^usr_[0-9A-Za-z_-]{1,64}$")
    iat: int
    exp: int
    jti: str = Field(min_length=1, max_length=100)
    roles: list[str] = Field(max_length=50)
    scope: str = Field(max_length=1000)
    sid: str = Field(min_length=1, max_length=100)
    epoch: int = Field(ge=0)


class _Found(NamedTuple):
    """What a good token says, and the key that it was signed with."""

    kid: str
    key: Ed25519PublicKey
    expires_at: int
    caller: Caller


class TokenVerifier:
    """Turns an access token into a :class:`Caller`, or refuses it; all refusals look the same.

    A token is shown many times in its few minutes, and its signature stays right or wrong: what was found of
    the latest good ones is kept by their hash. Whether it has expired, was revoked or its key was withdrawn
    is asked each time.

    Args:
        keys: public keys of identity.
        revocations: what identity has revoked.
        issuer: who must have issued a token.
        audience: whom a token must be meant for.
        leeway: difference of clocks that is forgiven.
        informed: whether keys and revocations have arrived. Before, a good token could not be told from a
            bad one, so neither is answered for.
    """

    def __init__(
        self,
        keys: KeySource,
        revocations: RevocationSource,
        *,
        issuer: str,
        audience: str,
        leeway: timedelta = timedelta(seconds=5),
        informed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._keys = keys
        self._revocations = revocations
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._informed = informed
        self._known: dict[bytes, _Found] = {}

    def verify(self, token: str) -> Caller:
        """Return who shows ``token``.

        Raises:
            Unauthenticated: the token is malformed, forged, expired, revoked or meant for somebody else.
            Unavailable: this process has only just started and cannot know yet.
        """
        if not self._informed():
            raise Unavailable
        if len(token) > _MOST_CHARACTERS or not token.isascii():
            raise Unauthenticated
        found = self._found(token)
        if found.expires_at <= time.time() - self._leeway.total_seconds() or self._is_revoked(found.caller):
            raise Unauthenticated
        return found.caller

    def _found(self, token: str) -> _Found:
        """Return what was found of a token whose key still is one."""
        digest = hashlib.sha256(token.encode()).digest()
        found = self._known.get(digest)
        if found is None or self._keys.key(found.kid) is not found.key:
            found = self._read(token)
            if len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[digest] = found
        return found

    def _read(self, token: str) -> _Found:
        try:
            kid, key = self._signed_with(token)
            claims = Claims.model_validate(self._payload(token, key))
        except (jwt.PyJWTError, ValidationError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated from error
        caller = Caller(
            user_id=claims.sub,
            roles=frozenset(claims.roles),
            scopes=frozenset(claims.scope.split()),
            family_id=claims.sid,
            epoch=claims.epoch,
        )
        return _Found(kid, key, claims.exp, caller)

    def _signed_with(self, token: str) -> tuple[str, Ed25519PublicKey]:
        """Return the key that a token names."""
        header = jwt.get_unverified_header(token)
        # RFC 8725, section 3.1: the algorithm and the type are ours to say, not the token's.
        if header.get("alg") != "EdDSA" or str(header.get("typ")).lower() not in (
            "at+jwt",
            "application/at+jwt",
        ):
            raise jwt.InvalidTokenError
        kid = header.get("kid")
        key = self._keys.key(kid) if isinstance(kid, str) else None
        if kid is None or key is None:
            raise jwt.InvalidTokenError
        return kid, key

    def _payload(self, token: str, key: Ed25519PublicKey) -> dict[str, Any]:
        """Return the claims of a token whose signature, times, issuer and audience are right."""
        return jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            issuer=self._issuer,
            audience=self._audience,
            leeway=self._leeway,
            options={"require": _CLAIMS, "strict_aud": True},
        )

    def _is_revoked(self, caller: Caller) -> bool:
        bounds = (self._revocations.lowest_epoch(subject) for subject in (caller.user_id, caller.family_id))
        return any(bound is not None and caller.epoch < bound for bound in bounds)


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="access_token")


def caller_of(request: Request) -> Caller | None:
    """Return who is calling, for what goes around FastAPI; see :data:`MaybeCaller`.

    Raises:
        Unauthenticated: a token is shown that is not valid.
        Forbidden: it may only read, and something is to be changed.
        Unavailable: this process cannot know yet.
    """
    shown = request.headers.getlist("authorization")
    if not shown:
        return None
    scheme, _, token = shown[0].partition(" ")
    if len(shown) > 1 or scheme.lower() != "bearer":
        raise Unauthenticated
    verifier = cast(TokenVerifier, request.app.state.verifier)
    caller = verifier.verify(token.strip())
    if READ_ONLY in caller.scopes and request.method not in _SAFE_METHODS:
        raise Forbidden
    return caller


async def _maybe_caller(request: Request, _: Annotated[object, Depends(_bearer)]) -> Caller | None:
    return caller_of(request)


MaybeCaller = Annotated[Caller | None, Depends(_maybe_caller)]
"""Who is calling; None without an Authorization header.

A bad token is refused all the same, and so is one that may only read where something is changed.
"""


async def _caller(caller: MaybeCaller) -> Caller:
    if caller is None:
        raise Unauthenticated(error=None)
    return caller


Authenticated = Annotated[Caller, Depends(_caller)]
"""Who is calling; 401 for anybody unknown."""


async def _still_valid(request: Request, caller: Authenticated) -> Callable[[], bool]:
    token = request.headers["authorization"].partition(" ")[2].strip()
    verifier = cast(TokenVerifier, request.app.state.verifier)

    def check() -> bool:
        try:
            return verifier.verify(token).user_id == caller.user_id
        except Unauthenticated:
            return False

    return check


StillValid = Annotated[Callable[[], bool], Depends(_still_valid)]
"""Whether the caller's token still holds, asked again and again by answers that last."""
