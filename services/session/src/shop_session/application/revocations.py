"""Logins that end take their sessions with them; users who leave are forgotten."""

from __future__ import annotations

from shop_session.application import sessions
from shop_session.domain.owners import Owner
from shop_session.store.unit_of_work import SessionUnitOfWork


async def revoke(uow: SessionUnitOfWork, subject: str, lowest_epoch: int) -> None:
    """End the sessions that rely on a revoked token family, or on a user's tokens below an epoch."""
    await uow.revocations.raise_to(subject, lowest_epoch, uow.now)
    ended = [session for session in await uow.sessions.of_family(subject) if session.epoch < lowest_epoch]
    ended += await uow.sessions.of_user(subject, lowest_epoch)
    await sessions.end(uow, ended, "revoked")


async def end_family(uow: SessionUnitOfWork, subject: str) -> None:
    """End what is left of a family whose revocation has run out: a family is never valid again."""
    await sessions.end(uow, await uow.sessions.of_family(subject), "revoked")


async def forget_user(uow: SessionUnitOfWork, user_id: str) -> None:
    """End a user's sessions and forget everything that was theirs."""
    await sessions.end(uow, await uow.sessions.of_user(user_id), "revoked")
    owner = Owner(user_id)
    await uow.orders.forget_user(user_id)
    await uow.carts.remove(owner)
    await uow.attention.remove(owner)
    await uow.states.remove_all(owner)
    await uow.state_names.remove(owner)
