"""Makes a service's database fit for the backbone: its collections and indexes."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from shop_events import inbox, parking
from shop_events.inbox import INBOX
from shop_events.lease import LEASES
from shop_events.outbox import OUTBOX
from shop_events.parking import PARKED
from shop_events.relay import RELAY_STATE


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Create what is missing. Transactions find their collections; again is harmless."""
    for name in (OUTBOX, INBOX, PARKED, RELAY_STATE, LEASES):
        try:
            await db.create_collection(name)
        except CollectionInvalid:
            continue
    await inbox.migrate(db)
    await parking.migrate(db)
