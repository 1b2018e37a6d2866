"""Reads the outbox: its change stream in pages, and the one sweep when the stream's history is gone.

The stream is read by ``aggregate`` and ``getMore`` themselves. The driver's ``watch`` hands out one change
at a time, which costs as much as the change; what it adds, resuming, the relay does from its saved place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from shop_events.outbox import OUTBOX
from shop_events.unit_of_work import is_transient

LARGEST_PAGE = 1000
"""Rows of one page; MongoDB keeps a page below 16 MB besides."""

_WAIT_MS = 2000
_NOT_RESUMABLE = {260, 280, 286}  # InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost
_ONLY_INSERTS = {"$match": {"operationType": "insert"}}

Row = dict[str, Any]
Token = Any


class HistoryLost(Exception):
    """The change stream cannot go on from its place: what is left has to be swept."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of their commits, and the place to go on from after them.

    ``until`` is the time at which the last of them was committed, if the feed was asked for times.
    """

    rows: list[Row]
    token: Token
    until: Timestamp | None = None


class OutboxFeed:
    """An open change stream over the outbox."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession, opened: dict[str, Any]) -> None:
        self._db = db
        self._session = session
        self._cursor_id = opened["id"]
        self._first: Page | None = _page(opened, "firstBatch")
        self.token: Token = self._first.token

    async def next(self) -> Page:
        """Return what was committed since; waits up to two seconds for it, then the page is empty.

        Raises:
            HistoryLost: the stream ended or lost its place.
            PyMongoError: MongoDB failed; open a new feed.
        """
        page, self._first = self._first, None
        if page is None or not page.rows:
            page = _page(await self._more(), "nextBatch")
        self.token = page.token
        return page

    async def _more(self) -> dict[str, Any]:
        if not self._cursor_id:  # the collection was dropped or renamed
            raise HistoryLost("the change stream ended")
        command = {"getMore": self._cursor_id, "collection": OUTBOX}
        options = {"batchSize": LARGEST_PAGE, "maxTimeMS": _WAIT_MS}
        try:
            answer = await self._db.command({**command, **options}, session=self._session)
        except OperationFailure as error:
            if error.code in _NOT_RESUMABLE:
                raise HistoryLost(f"code {error.code}") from error
            raise
        cursor: dict[str, Any] = answer["cursor"]
        self._cursor_id = cursor["id"]
        return cursor

    async def close(self) -> None:
        """Give the cursor back."""
        with suppress(PyMongoError):
            await self._db.command(
                {"killCursors": OUTBOX, "cursors": [self._cursor_id]}, session=self._session
            )


@asynccontextmanager
async def open_feed(
    client: AsyncMongoClient[Any], db: AsyncDatabase[Any], token: Token, *, timed: bool = False
) -> AsyncIterator[OutboxFeed]:
    """Open the change stream after ``token``, or from now on when it is None.

    Pages of a ``timed`` one say when they were committed.

    Raises:
        HistoryLost: ``token`` is of no use any more.
        PyMongoError: MongoDB failed.
    """
    place = {} if token is None else {"resumeAfter": token}
    fields = {"$project": {"fullDocument": 1, **({"clusterTime": 1} if timed else {})}}
    command = {"aggregate": OUTBOX, "pipeline": [{"$changeStream": place}, _ONLY_INSERTS, fields]}
    async with client.start_session() as session:
        try:
            answer = await db.command({**command, "cursor": {"batchSize": LARGEST_PAGE}}, session=session)
        except OperationFailure as error:
            if token is None or is_transient(error):
                raise
            raise HistoryLost(f"code {error.code}") from error
        feed = OutboxFeed(db, session, answer["cursor"])
        try:
            yield feed
        finally:
            await feed.close()


async def sweep(
    client: AsyncMongoClient[Any], db: AsyncDatabase[Any], without: Collection[str] = ()
) -> AsyncIterator[list[Row]]:
    """Give every row there is at one moment, in the order of each key's sequence, page by page.

    Rows for the topics in ``without`` are left out.
    """
    # Of one moment: a scan that rows are added to could find the newer row of a key and miss the older.
    async with client.start_session(snapshot=True) as session:
        rows: list[Row] = []
        wanted = {"topic": {"$nin": list(without)}} if without else {}
        found = db[OUTBOX].find(wanted, session=session).sort([("key", 1), ("sequence", 1), ("_id", 1)])
        async for row in found:
            rows.append(row)
            if len(rows) == LARGEST_PAGE:
                yield rows
                rows = []
        if rows:
            yield rows


async def still_there(db: AsyncDatabase[Any], rows: list[Row]) -> list[Row]:
    """Return those of ``rows`` that the outbox still holds."""
    ids = [row["_id"] for row in rows]
    waiting = {row["_id"] async for row in db[OUTBOX].find({"_id": {"$in": ids}}, {"_id": 1})}
    return [row for row in rows if row["_id"] in waiting]


def _page(cursor: dict[str, Any], batch: str) -> Page:
    changes = cursor[batch]
    until = changes[-1].get("clusterTime") if changes else None
    return Page([change["fullDocument"] for change in changes], cursor["postBatchResumeToken"], until)
