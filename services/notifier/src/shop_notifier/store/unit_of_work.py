"""One transaction of notifier, with its repositories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.unit_of_work import Transactor, UnitOfWork
from shop_notifier.domain.notifications import Notification
from shop_notifier.domain.policies import Rules
from shop_notifier.domain.sending import Links, Seals, Texts
from shop_notifier.store.alert_digests import ALERT_DIGESTS, AlertDigests
from shop_notifier.store.broadcasts import Broadcasts
from shop_notifier.store.guest_links import GUEST_LINKS, GuestLinks
from shop_notifier.store.notifications import NOTIFICATIONS, Notifications
from shop_notifier.store.people import CONTACTS, USERS, Contacts, Users
from shop_notifier.store.products import PRODUCTS, Products
from shop_notifier.store.quotas import QUOTAS, Quotas
from shop_notifier.store.suppressions import SUPPRESSIONS, Suppressions
from shop_notifier.store.webhooks import WEBHOOK_EVENTS, WebhookEvents

_RULES = Rules()


def _nobody() -> None:
    """There is no dispatcher in this process to wake."""


class NotifierUnitOfWork(UnitOfWork):
    """What notifier's use cases work with.

    Args:
        texts: puts notifications into words.
        links: makes and reads links to unsubscribe.
        seals: seals what is not to be read in the database.
        rules: what the environment decides.
        wake: called after the commit when there is something to send.
    """

    def __init__(
        self,
        db: AsyncDatabase[Any],
        session: AsyncClientSession | None,
        source: str,
        *,
        texts: Texts,
        links: Links,
        seals: Seals,
        rules: Rules = _RULES,
        wake: Callable[[], None] = _nobody,
    ) -> None:
        super().__init__(db, session, source)
        self.texts = texts
        self.links = links
        self.seals = seals
        self.rules = rules
        self._wake = wake

    @cached_property
    def notifications(self) -> Notifications:
        return Notifications(self.db[NOTIFICATIONS], self.session)

    @cached_property
    def contacts(self) -> Contacts:
        return Contacts(self.db[CONTACTS], self.session)

    @cached_property
    def users(self) -> Users:
        return Users(self.db[USERS], self.session)

    @cached_property
    def broadcasts(self) -> Broadcasts:
        return Broadcasts(self.db, self.session)

    @cached_property
    def guest_links(self) -> GuestLinks:
        return GuestLinks(self.db[GUEST_LINKS], self.session)

    @cached_property
    def alert_digests(self) -> AlertDigests:
        return AlertDigests(self.db[ALERT_DIGESTS], self.session)

    @cached_property
    def products(self) -> Products:
        return Products(self.db[PRODUCTS], self.session)

    @cached_property
    def quotas(self) -> Quotas:
        return Quotas(self.db[QUOTAS], self.session)

    @cached_property
    def suppressions(self) -> Suppressions:
        return Suppressions(self.db[SUPPRESSIONS], self.session)

    @cached_property
    def webhook_events(self) -> WebhookEvents:
        return WebhookEvents(self.db[WEBHOOK_EVENTS], self.session)

    async def add(self, notifications: Sequence[Notification]) -> None:
        """Store new notifications and tell of them."""
        await self.notifications.add(notifications)
        self._tell(notifications)

    async def save(self, notifications: Sequence[Notification]) -> None:
        """Store changed notifications and tell what happened to them."""
        await self.notifications.save(notifications)
        self._tell(notifications)

    def wake_dispatch(self) -> None:
        """Have the dispatcher look at the queue once this is committed."""
        self.on_commit.append(self._wake)

    def _tell(self, notifications: Sequence[Notification]) -> None:
        for notification in notifications:
            self.publish(notification.facts)


Transact = Transactor[NotifierUnitOfWork]
