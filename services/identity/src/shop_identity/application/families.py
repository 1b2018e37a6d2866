"""Going on with a login, and ending it."""

from __future__ import annotations

from shop_events.contracts.identity import TokenReuseDetected
from shop_events.unit_of_work import Transactor
from shop_identity.application import revocations
from shop_identity.application.ports import Caller
from shop_identity.application.tokens import Grant, Mint
from shop_identity.domain.errors import RefreshRefused, RefreshTokenReused, UnknownUser
from shop_identity.domain.families import Family
from shop_identity.store.unit_of_work import IdentityUnitOfWork


class Refreshes:
    """Exchanges refresh tokens. What a reused token sets off is kept although the request is refused."""

    def __init__(self, transact: Transactor[IdentityUnitOfWork], mint: Mint) -> None:
        self._transact = transact
        self._mint = mint

    async def refresh(self, token: str) -> Grant:
        """Return new tokens for a refresh token, which is worthless afterwards.

        Raises:
            RefreshRefused: it is unknown, expired or revoked; or it was used before, and now the whole family
                is revoked.
        """
        try:
            grant = await self._transact(self._rotate, token)
        except UnknownUser:  # the account was closed
            raise RefreshRefused from None
        if grant is None:
            raise RefreshRefused
        return grant

    async def _rotate(self, uow: IdentityUnitOfWork, token: str) -> Grant | None:
        presented = await uow.families.by_token(token)
        if presented is None:
            raise RefreshRefused
        family = presented.family
        user = await uow.users.get(family.user_id)
        try:
            family.present(presented.generation, user, uow.policy, uow.now)
        except RefreshTokenReused:
            await _end(uow, family)
            await uow.note(TokenReuseDetected(user_id=user.id, family_id=family.id, at=uow.now))
            return None
        await uow.families.save(family)
        return await self._mint.issue(uow, user, family)


async def log_out(uow: IdentityUnitOfWork, caller: Caller, everywhere: bool) -> None:
    """End the caller's login, or all of the user's logins; again is harmless."""
    family = await uow.families.get(caller.family_id)
    if family and family.user_id == caller.user_id and family.revoked_at is None:
        await _end(uow, family)
    if everywhere:
        user = await uow.users.get(caller.user_id)
        user.log_out_everywhere()
        await uow.users.save(user)
        await revocations.revoke(uow, user.id, user.epoch)


async def _end(uow: IdentityUnitOfWork, family: Family) -> None:
    family.revoke(uow.now)
    await uow.families.save(family)
    await revocations.revoke(uow, family.id, family.epoch + 1)
