"""What identity tells: how to reach users, which logins are over, who has left."""

from __future__ import annotations

from shop_events.contracts.identity import (
    ContactChanged,
    ContactDeleted,
    RevocationExpired,
    TokensRevoked,
    UserDeleted,
)
from shop_events.handlers import on
from shop_session.application import revocations
from shop_session.store.schema import CONTACTS
from shop_session.store.unit_of_work import SessionUnitOfWork


@on(ContactChanged, projection=CONTACTS)
async def contact_changed(uow: SessionUnitOfWork, event: ContactChanged) -> None:
    """Remember how to reach a user, masked."""
    await uow.contacts.keep(event, uow.sequence)


@on(ContactDeleted, projection=CONTACTS)
async def contact_deleted(uow: SessionUnitOfWork, event: ContactDeleted) -> None:
    """Forget how to reach a user."""
    await uow.contacts.remove(event.user_id, uow.sequence)


@on(TokensRevoked, effect="revoked:{subject}:{lowest_epoch}")
async def tokens_revoked(uow: SessionUnitOfWork, event: TokensRevoked) -> None:
    """End the sessions that rely on a login that is over."""
    await revocations.revoke(uow, event.subject, event.lowest_epoch)


@on(RevocationExpired, effect="revocation-expired:{subject}")
async def revocation_expired(uow: SessionUnitOfWork, event: RevocationExpired) -> None:
    """End what a revocation that compaction has removed would have ended."""
    await revocations.end_family(uow, event.subject)


@on(UserDeleted, effect="forget:{user_id}")
async def user_deleted(uow: SessionUnitOfWork, event: UserDeleted) -> None:
    """Forget a user."""
    await revocations.forget_user(uow, event.user_id)
