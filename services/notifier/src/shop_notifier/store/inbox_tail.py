"""Hears whose inbox changes: one change stream for each process, whatever the number of those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from shop_events.waiting import Backoff, first_of
from shop_notifier.domain.notifications import Channel, Status
from shop_notifier.store.broadcasts import BROADCAST_READS, BROADCASTS
from shop_notifier.store.notifications import NOTIFICATIONS

_CHANGES: list[Mapping[str, Any]] = [
    {
        "$match": {
            "$or": [
                {"ns.coll": NOTIFICATIONS, "operationType": "insert", "fullDocument.channel": Channel.SITE},
                {"ns.coll": NOTIFICATIONS, "updateDescription.updatedFields.status": Status.READ},
                {"ns.coll": BROADCAST_READS, "operationType": "insert"},
                {"ns.coll": BROADCASTS, "operationType": {"$in": ["insert", "update"]}},
            ]
        }
    },
    {"$project": {"fullDocument.user_id": 1}},
]

log = structlog.get_logger("shop_notifier.inbox_tail")


class InboxTail:
    """Follows the database until told to stop.

    Args:
        db: notifier's database.
        changed: called with the user whose inbox changed, None when everybody's did or may have.
    """

    def __init__(self, db: AsyncDatabase[Any], changed: Callable[[str | None], None]) -> None:
        self._db = db
        self._changed = changed

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until ``stop`` is set; after a failure nobody knows what was missed, so all are woken."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                await first_of(self._follow(backoff), stop.wait())
            except PyMongoError as error:
                log.warning("cannot follow inboxes", error=type(error).__name__)
                await backoff.pause(stop)

    async def _follow(self, backoff: Backoff) -> None:
        async with await self._db.watch(_CHANGES, full_document="updateLookup") as changes:
            self._changed(None)
            backoff.reset()
            async for change in changes:
                self._changed((change.get("fullDocument") or {}).get("user_id"))
