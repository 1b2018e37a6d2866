"""Events of identity."""

from __future__ import annotations

from shop_events.contracts.identity import (
    ContactChanged,
    ContactDeleted,
    GuestCodeIssued,
    GuestLinkIssued,
    UserChanged,
    UserDeleted,
)
from shop_events.handlers import on
from shop_notifier.application import guests, people
from shop_notifier.store.people import CONTACTS, USERS
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@on(ContactChanged, projection=CONTACTS)
async def contact_changed(uow: NotifierUnitOfWork, event: ContactChanged) -> None:
    """Remember how to reach a user."""
    await people.keep_contact(uow, event)


@on(ContactDeleted, projection=CONTACTS)
async def contact_deleted(uow: NotifierUnitOfWork, event: ContactDeleted) -> None:
    """Forget how to reach a user."""
    await people.forget_contact(uow, event)


@on(UserChanged, projection=USERS)
async def user_changed(uow: NotifierUnitOfWork, event: UserChanged) -> None:
    """Remember that a user is there."""
    await people.keep_user(uow, event)


@on(UserDeleted, projection=USERS)
async def user_deleted(uow: NotifierUnitOfWork, event: UserDeleted) -> None:
    """Remember that a user has left."""
    await people.forget_user(uow, event)


@on(GuestCodeIssued, effect="guest-code:{verification_id}")
async def guest_code_issued(uow: NotifierUnitOfWork, event: GuestCodeIssued) -> None:
    """Mail a code to the address that is to be verified."""
    await guests.queue_code(uow, event)


@on(GuestLinkIssued, effect="guest-link:{link_id}")
async def guest_link_issued(uow: NotifierUnitOfWork, event: GuestLinkIssued) -> None:
    """Remember the link that a guest's receipts carry."""
    await guests.keep_link(uow, event)
