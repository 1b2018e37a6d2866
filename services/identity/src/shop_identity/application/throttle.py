"""Who may try again: counts failures and asks the buckets before anything costly is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from shop_identity.domain.errors import Throttled
from shop_identity.domain.throttling import Limits
from shop_identity.store.failures import Bucket, FailureStore


class Throttle:
    """Limits failures of logins, registrations and proofs, and mails; subjects are pseudonyms."""

    def __init__(self, failures: FailureStore, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._failures = failures
        self._limits = limits
        self._clock = clock

    async def admit_login(self, account: str, client: str) -> Sequence[Bucket]:
        """Return the buckets that a failure of this attempt counts in.

        A client that logged in to the account before answers for its own failures alone, so that nobody
        else's can keep it out.

        Raises:
            Throttled: one of them is full.
        """
        buckets: list[Bucket] = [(self._limits.pair, f"{account}:{client}")]
        if not await self._failures.knows(account, client, self._clock()):
            buckets += [(self._limits.account, account), (self._limits.client, client)]
        return await self._admit(buckets)

    async def admit_registration(self, client: str) -> Sequence[Bucket]:
        """Return the buckets that a taken address counts in; Throttled when one is full."""
        return await self._admit([(self._limits.taken, client)])

    async def admit_proof(self, client: str) -> Sequence[Bucket]:
        """Return the buckets that a code or link that does not hold counts in; Throttled when one is full."""
        return await self._admit([(self._limits.proofs, client)])

    async def take_mail(self, account: str, client: str) -> None:
        """Count a mail to ``account`` that ``client`` asks for.

        Raises:
            Throttled: there were too many; none is to be sent.
        """
        await self._take((self._limits.asking, client))
        is_known = await self._failures.knows(account, client, self._clock())
        await self._take((self._limits.mails, f"{account}:{client}" if is_known else account))

    async def charge(self, buckets: Sequence[Bucket]) -> bool:
        """Count one failure in each bucket; say whether that filled one."""
        now = self._clock()
        levels = [await self._failures.charge(bucket, now) for bucket in buckets]
        return any(limit.wait(level) for (limit, _), level in zip(buckets, levels, strict=True))

    async def remember(self, account: str, client: str) -> None:
        """Note a success."""
        await self._failures.remember(account, client, self._clock())

    async def _take(self, bucket: Bucket) -> None:
        if wait := bucket[0].wait(await self._failures.take(bucket, self._clock())):
            raise Throttled(wait)

    async def _admit(self, buckets: Sequence[Bucket]) -> Sequence[Bucket]:
        levels = await self._failures.levels(buckets, self._clock())
        wait = max(limit.wait(level) for (limit, _), level in zip(buckets, levels, strict=True))
        if wait:
            raise Throttled(wait)
        return buckets
