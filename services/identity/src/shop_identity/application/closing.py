"""Closing an account: nothing of the person stays here, and everybody is told to forget them."""

from __future__ import annotations

from shop_events.contracts.base import Fact
from shop_events.contracts.identity import UserErased
from shop_identity.application import revocations
from shop_identity.application.ports import Caller
from shop_identity.domain.errors import AccountNeeded, NotAllowed, OwnRoleKept, VersionMismatch
from shop_identity.domain.users import Role, User
from shop_identity.store.unit_of_work import IdentityUnitOfWork


async def close_own(uow: IdentityUnitOfWork, caller: Caller, revision: int) -> None:
    """Close the caller's account, which is for good.

    Raises:
        AccountNeeded: the caller is a guest, who came by a link that others may have been shown.
        OwnRoleKept: the caller is an administrator.
        VersionMismatch: the user is in another state than ``revision``.
        UnknownUser: it is closed.
    """
    user = await uow.users.get(caller.user_id)
    if user.is_guest:
        raise AccountNeeded
    if user.revision != revision:
        raise VersionMismatch
    await _close(uow, user, caller)


async def close(uow: IdentityUnitOfWork, caller: Caller, user_id: str) -> None:
    """Close somebody's account, or forget a guest, as an administrator.

    Raises:
        NotAllowed: the caller is no administrator.
        OwnRoleKept: it is the caller's own.
        UnknownUser: there is no such user.
    """
    if Role.ADMINISTRATOR not in caller.roles:
        raise NotAllowed
    await _close(uow, await uow.users.get(user_id), caller)


async def _close(uow: IdentityUnitOfWork, user: User, caller: Caller) -> None:
    if user.id == caller.user_id and Role.ADMINISTRATOR in user.roles:
        raise OwnRoleKept
    wallet = await uow.wallets.of(user.id)
    await uow.users.remove(user)
    await uow.guests.forget(user.id)
    user.close()
    wallet.forget()
    uow.publish([*user.all_facts, *wallet.facts, Fact(UserErased(user_id=user.id, at=uow.now), 1)])
    await revocations.revoke(uow, user.id, user.epoch)
