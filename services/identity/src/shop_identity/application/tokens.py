"""Handing out tokens: an access token that everybody can verify, and the next refresh token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from shop_chassis.auth import READ_ONLY
from shop_events.ids import new_id
from shop_identity.application.ports import TokenSigner
from shop_identity.domain.errors import NoSigningKey
from shop_identity.domain.families import Family
from shop_identity.domain.users import User
from shop_identity.store.unit_of_work import IdentityUnitOfWork


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client gets. ``expires_in`` is the access token's life in seconds.

    Without a refresh token it ends with that.
    """

    user_id: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int


class Mint:
    """Makes the tokens of a family.

    Args:
        signer: signs access tokens.
        issuer: the claim ``iss``.
        audience: the claim ``aud``.
    """

    def __init__(self, signer: TokenSigner, issuer: str, audience: str) -> None:
        self._signer = signer
        self._issuer = issuer
        self._audience = audience

    async def issue(self, uow: IdentityUnitOfWork, user: User, family: Family) -> Grant:
        """Return fresh tokens, the refresh token of the family's newest generation.

        Raises:
            NoSigningKey: nothing can be signed yet.
        """
        refresh_token = secrets.token_urlsafe(32)
        await uow.families.add_token(refresh_token, family)
        return await self._grant(uow, user, family, refresh_token, scope="")

    async def issue_once(self, uow: IdentityUnitOfWork, user: User, family: Family) -> Grant:
        """Return an access token that nothing follows, and that changes nothing.

        Raises:
            NoSigningKey: nothing can be signed yet.
        """
        return await self._grant(uow, user, family, None, scope=READ_ONLY)

    async def _grant(
        self, uow: IdentityUnitOfWork, user: User, family: Family, refresh_token: str | None, *, scope: str
    ) -> Grant:
        life = int(uow.policy.access_life.total_seconds())
        return Grant(user.id, await self._access_token(uow, user, family, scope), refresh_token, life)

    async def _access_token(self, uow: IdentityUnitOfWork, user: User, family: Family, scope: str) -> str:
        key = await uow.keys.in_use(uow.now)
        if key is None:
            raise NoSigningKey
        issued_at = int(uow.now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user.id,
            "iat": issued_at,
            "exp": issued_at + int(uow.policy.access_life.total_seconds()),
            "jti": new_id("tok"),
            "roles": sorted(user.roles),
            "scope": scope,
            "sid": family.id,
            "epoch": family.epoch,
        }
        return self._signer.sign(key, claims)
