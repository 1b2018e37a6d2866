"""Signing keys: made, published, put to use, retired."""

from __future__ import annotations

from shop_events.contracts.base import Fact
from shop_identity.application.ports import KeySmith
from shop_identity.domain.keys import KeyRing, SigningKey
from shop_identity.store.unit_of_work import IdentityUnitOfWork


async def tend(uow: IdentityUnitOfWork, smith: KeySmith) -> None:
    """Do what is due: start keys that were published, make a successor, retire what is worn out."""
    ring = KeyRing(await uow.keys.all(), uow.policy)
    for key in ring.waiting:
        if await uow.keys.is_published(key):
            ring.start(key, uow.now)
            await uow.keys.save(key)
    if ring.needs_successor(uow.now):
        await _make(uow, smith)
    for key in ring.retirable(uow.now):
        key.retire()
        await uow.keys.remove(key)
        uow.publish(key.facts)


async def published(uow: IdentityUnitOfWork) -> list[SigningKey]:
    """Return the keys that tokens may be signed with, now or soon."""
    return await uow.keys.all()


async def republish(uow: IdentityUnitOfWork) -> int:
    """Publish all keys again; return how many."""
    keys = await uow.keys.touch(uow.now)
    uow.publish(Fact(key.current(), key.version) for key in keys)
    return len(keys)


async def _make(uow: IdentityUnitOfWork, smith: KeySmith) -> None:
    key = smith.new_key(uow.now)
    key.publish()
    await uow.keys.add(key)
    uow.publish(key.facts)
