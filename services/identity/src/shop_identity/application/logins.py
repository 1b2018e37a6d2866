"""Logging in with a password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shop_events.contracts.identity import LoginFailed, LoginSucceeded
from shop_events.unit_of_work import Transactor
from shop_identity.application.ports import Passwords
from shop_identity.application.throttle import Throttle
from shop_identity.application.tokens import Grant, Mint
from shop_identity.domain.addresses import login_key
from shop_identity.domain.errors import UnknownUser, WrongCredentials
from shop_identity.domain.families import Family
from shop_identity.domain.pseudonyms import Pseudonyms
from shop_identity.domain.users import User
from shop_identity.store.failures import Bucket
from shop_identity.store.unit_of_work import IdentityUnitOfWork


@dataclass(frozen=True, slots=True)
class _Attempt:
    account: str
    client: str
    user: User | None
    buckets: Sequence[Bucket]

    @property
    def password_hash(self) -> str | None:
        return self.user.password_hash if self.user else None

    @property
    def subject(self) -> str:
        return self.user.id if self.user else self.account


class Logins:
    """Checks passwords between two units of work: no transaction waits for a hash.

    Failures are counted when they are known, so that attempts running at the same time may pass a limit by as
    many as the pool of ``passwords`` admits.
    """

    def __init__(
        self,
        transact: Transactor[IdentityUnitOfWork],
        passwords: Passwords,
        throttle: Throttle,
        pseudonyms: Pseudonyms,
        mint: Mint,
    ) -> None:
        self._transact = transact
        self._passwords = passwords
        self._throttle = throttle
        self._pseudonyms = pseudonyms
        self._mint = mint

    async def log_in(self, email: str, password: str, client: str) -> Grant:
        """Open a token family for whoever knows the password.

        Args:
            email: as typed.
            password: as typed.
            client: the client's network address.

        Raises:
            Throttled: too many attempts failed before; the password was not looked at.
            WrongCredentials: they do not fit, or the account is closed. Both look the same, as does an
                address that nobody registered with, also in time taken.
        """
        attempt = await self._transact.read(self._begin, email, client)
        fits = await self._passwords.verify(attempt.password_hash, password)
        if not fits or attempt.user is None:
            await self._count(attempt)
            raise WrongCredentials
        grant = await self._transact(self._open, attempt.user)
        if grant is None:
            raise WrongCredentials
        await self._throttle.remember(attempt.account, attempt.client)
        return grant

    async def _begin(self, uow: IdentityUnitOfWork, email: str, client: str) -> _Attempt:
        key = login_key(email)
        account, whence = self._pseudonyms.account(key), self._pseudonyms.client(client)
        buckets = await self._throttle.admit_login(account, whence)
        return _Attempt(account, whence, await uow.users.by_email(key), buckets)

    async def _count(self, attempt: _Attempt) -> None:
        """Count a failure and tell of it; once more when it was the one that brings refusals about."""
        full = await self._throttle.charge(attempt.buckets)
        await self._transact(_tell_failed, attempt.subject, full)

    async def _open(self, uow: IdentityUnitOfWork, verified: User) -> Grant | None:
        try:
            user = await uow.users.get(verified.id)
        except UnknownUser:  # the account was closed meanwhile
            return None
        if user.password_hash != verified.password_hash:
            return None
        if not user.may_log_in:
            await uow.note(LoginFailed(subject=user.id, reason="disabled", at=uow.now))
            return None
        family = Family.open(user, uow.policy, uow.now)
        await uow.families.add(family)
        await uow.note(LoginSucceeded(user_id=user.id, family_id=family.id, at=uow.now))
        return await self._mint.issue(uow, user, family)


async def _tell_failed(uow: IdentityUnitOfWork, subject: str, throttled: bool) -> None:
    await uow.note(LoginFailed(subject=subject, reason="credentials", at=uow.now))
    if throttled:
        await uow.note(LoginFailed(subject=subject, reason="throttled", at=uow.now))
