"""Names, indexes and expiry of identity's collections, and the version an aggregate was read at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from shop_events.contracts.base import Aggregate
from shop_events.partial_indexes import ANY_TIME

USERS: Final = "users"
FAMILIES: Final = "families"
REFRESH_TOKENS: Final = "refresh_tokens"
KEYS: Final = "keys"
REVOCATIONS: Final = "revocations"
ACCESS: Final = "access_sequences"
FAILURES: Final = "failures"
GUARDS: Final = "guards"
VERIFICATIONS: Final = "verifications"
FOLLOW_LINKS: Final = "follow_links"

_EXPIRING = (FAMILIES, REFRESH_TOKENS, FAILURES, VERIFICATIONS, FOLLOW_LINKS)
_ALL = (USERS, KEYS, REVOCATIONS, ACCESS, GUARDS, *_EXPIRING)
# Longer than the access topic keeps its events, so that no reader meets a number twice.
_ACCESS_IDLE = timedelta(days=60)


_REPLACED = "until_1"


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Create collections and indexes that are missing; again is harmless."""
    for name in _ALL:
        try:
            await db.create_collection(name)
        except CollectionInvalid:
            continue
    await db[USERS].create_index("email_key", unique=True)
    await db[USERS].create_index("roles")
    await db[USERS].create_index(
        "wallet.cards.token",
        unique=True,
        partialFilterExpression={"wallet.cards.token": {"$exists": True}},
    )
    await db[KEYS].create_index("signs_from")
    await db[REVOCATIONS].create_index("until", name="ending", partialFilterExpression={"until": ANY_TIME})
    if _REPLACED in await db[REVOCATIONS].index_information():
        await db[REVOCATIONS].drop_index(_REPLACED)
    for name in (VERIFICATIONS, FOLLOW_LINKS):
        await db[name].create_index("user_id")
    for name in _EXPIRING:
        await db[name].create_index("expires_at", expireAfterSeconds=0)
    await db[ACCESS].create_index("touched_at", expireAfterSeconds=int(_ACCESS_IDLE.total_seconds()))


def loaded_version(aggregate: Aggregate) -> int:
    """Return the version an aggregate had when it was read; 0 when it is new."""
    return aggregate.version - len(aggregate.facts)
