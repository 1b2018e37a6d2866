"""Which products have changed, as MongoDB tells it to whoever keeps something that was made of them.

The change stream is read page by page, so that a large import costs little; the driver's ``watch`` hands out
one change at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Protocol

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from shop_catalog.store.products import PRODUCTS

HEARD_EVERY_MS = 500
"""So often the stream answers at least, in milliseconds, though nothing has changed."""

_PAGE = 1000
_PIPELINE: list[dict[str, Any]] = [{"$changeStream": {}}, {"$project": {"documentKey": 1}}]


class Listener(Protocol):
    """Who wants to know."""

    def hear(self, product_ids: Collection[str]) -> None:
        """These have changed; nothing else has since the last time, up to a moment ago."""

    def lose(self) -> None:
        """From now on, changes go unheard."""


class ProductChanges:
    """Tells listeners of every change of a product, for as long as it can."""

    def __init__(self, db: AsyncDatabase[Any], *listeners: Listener) -> None:
        self._db = db
        self._listeners = listeners

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until ``stop`` is set.

        Raises:
            PyMongoError: the stream broke. The listeners know by then.
        """
        async with self._db.client.start_session() as session:
            command = {"aggregate": PRODUCTS, "pipeline": _PIPELINE, "cursor": {"batchSize": _PAGE}}
            cursor = (await self._db.command(command, session=session))["cursor"]
            try:
                self._tell(cursor["firstBatch"])
                while cursor["id"] and not stop.is_set():
                    more = {"getMore": cursor["id"], "collection": PRODUCTS, "batchSize": _PAGE}
                    answer = await self._db.command({**more, "maxTimeMS": HEARD_EVERY_MS}, session=session)
                    cursor = answer["cursor"]
                    self._tell(cursor["nextBatch"])
            finally:
                self._lose()
                with suppress(PyMongoError):
                    await self._db.command(
                        {"killCursors": PRODUCTS, "cursors": [cursor["id"]]}, session=session
                    )

    def _tell(self, changes: Collection[dict[str, Any]]) -> None:
        if any("documentKey" not in change for change in changes):  # dropped or renamed as a whole
            self._lose()
        changed = {change["documentKey"]["_id"] for change in changes if "documentKey" in change}
        for listener in self._listeners:
            listener.hear(changed)

    def _lose(self) -> None:
        for listener in self._listeners:
            listener.lose()
