"""What a use case of identity works with: its repositories on one transaction, the time, the policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts.base import Event, Fact
from shop_events.contracts.identity import LINKS
from shop_events.unit_of_work import UnitOfWork
from shop_identity.domain.policy import Policy
from shop_identity.store.access import AccessLog
from shop_identity.store.cards import WalletRepository
from shop_identity.store.families import FamilyRepository
from shop_identity.store.guests import GuestProofs
from shop_identity.store.keys import KeyRepository
from shop_identity.store.revocations import RevocationRepository
from shop_identity.store.users import UserRepository


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class IdentityUnitOfWork(UnitOfWork):
    """Repositories on one transaction. ``now`` is the same all through it, in MongoDB's milliseconds."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        session: AsyncClientSession | None,
        source: str,
        *,
        clock: Callable[[], datetime] = utc_now,
        policy: Policy | None = None,
    ) -> None:
        super().__init__(db, session, source)
        self.policy = policy or Policy()
        now = clock()
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)

    @cached_property
    def users(self) -> UserRepository:
        """Accounts with their contacts."""
        return UserRepository(self.db, self.session)

    @cached_property
    def wallets(self) -> WalletRepository:
        """Saved cards."""
        return WalletRepository(self.db, self.session)

    @cached_property
    def families(self) -> FamilyRepository:
        """Token families and their refresh tokens."""
        return FamilyRepository(self.db, self.session)

    @cached_property
    def keys(self) -> KeyRepository:
        """Signing keys."""
        return KeyRepository(self.db, self.session)

    @cached_property
    def revocations(self) -> RevocationRepository:
        """What is revoked at present."""
        return RevocationRepository(self.db, self.session)

    @cached_property
    def guests(self) -> GuestProofs:
        """What guests have to show."""
        return GuestProofs(self.db, self.session)

    @cached_property
    def access(self) -> AccessLog:
        """Sequences of the access topic."""
        return AccessLog(self.db, self.session)

    async def note(self, *events: Event) -> None:
        """Tell what happened about access: each event takes the next number of its subject."""
        for event in events:
            self.publish([Fact(event, await self.access.next(event.key, self.now))])

    async def have_mailed(self, event: Event) -> None:
        """Let a secret be mailed; it goes to the one reader of its topic."""
        self.publish([Fact(event, await self.access.next(f"{LINKS}:{event.key}", self.now))])
