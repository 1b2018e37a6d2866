"""Revoking tokens, and letting go of revocations that no longer matter."""

from __future__ import annotations

from shop_events.contracts.base import Fact
from shop_identity.store.unit_of_work import IdentityUnitOfWork

_BATCH = 200


async def revoke(uow: IdentityUnitOfWork, subject: str, lowest_epoch: int) -> None:
    """Let everybody refuse the tokens of ``subject`` (user or family) below ``lowest_epoch``."""
    revocation = await uow.revocations.of(subject)
    revocation.raise_to(lowest_epoch, uow.now + uow.policy.longest_acceptance)
    await uow.revocations.save(revocation)
    uow.publish(revocation.facts)


async def expire(uow: IdentityUnitOfWork) -> bool:
    """Take revocations back whose tokens have all expired; say whether more are left.

    A family is never revoked again, so that nothing of it has to stay. A user's versions go on.
    """
    over = await uow.revocations.over(uow.now, _BATCH)
    for revocation in over:
        revocation.expire()
        if revocation.subject.startswith("fam_"):
            await uow.revocations.remove(revocation)
        else:
            await uow.revocations.save(revocation)
        uow.publish(revocation.facts)
    return len(over) == _BATCH


async def republish(uow: IdentityUnitOfWork, after: str) -> tuple[int, str | None]:
    """Publish the next revocations again; return how many facts, and after which subject to go on."""
    revocations = await uow.revocations.touch_after(after, _BATCH, uow.now)
    uow.publish(Fact(each.current(), each.version) for each in revocations)
    return len(revocations), revocations[-1].subject if revocations else None
