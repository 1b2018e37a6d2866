"""Keeping what identity tells about people."""

from __future__ import annotations

from shop_events.contracts.identity import ContactChanged, ContactDeleted, UserChanged, UserDeleted
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


async def keep_contact(uow: NotifierUnitOfWork, event: ContactChanged) -> None:
    """Remember how to reach a user."""
    await uow.contacts.put(event.user_id, uow.sequence, event.model_dump(exclude={"user_id"}))


async def forget_contact(uow: NotifierUnitOfWork, event: ContactDeleted) -> None:
    """Forget how to reach a user."""
    await uow.contacts.remove(event.user_id, uow.sequence)


async def keep_user(uow: NotifierUnitOfWork, event: UserChanged) -> None:
    """Remember that a user is there."""
    await uow.users.put(event.user_id, uow.sequence, event.model_dump(exclude={"user_id"}))


async def forget_user(uow: NotifierUnitOfWork, event: UserDeleted) -> None:
    """Remember that a user has left."""
    await uow.users.remove(event.user_id, uow.sequence)
