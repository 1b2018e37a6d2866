"""The sandbox's one SQLite file: what was accepted and what is still to be told.

Writes that arrive together share one commit, and a caller goes on only after it, so that what was answered
survives a kill. The file is in WAL mode: reads use a connection of their own and never wait for a commit.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import aiosqlite

_WRITES_PER_COMMIT = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    content_id TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    order_id TEXT,
    notification_id TEXT,
    total_minor INTEGER,
    currency TEXT,
    total TEXT,
    details TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_order ON messages (order_id, channel);
CREATE TABLE IF NOT EXISTS contents (id TEXT PRIMARY KEY, text TEXT NOT NULL, html TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS payment_intents (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    order_id TEXT,
    attempt_id TEXT,
    status TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS payment_intents_by_attempt ON payment_intents (attempt_id);
CREATE INDEX IF NOT EXISTS payment_intents_by_order ON payment_intents (order_id);
CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY,
    payment_intent TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS refunds_by_intent ON refunds (payment_intent);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    url TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS webhooks_by_due ON webhooks (provider, due_at);
"""


class Statement(NamedTuple):
    """One SQL text and the rows of values to run it with."""

    sql: str
    rows: Sequence[Sequence[object]]


class _Write(NamedTuple):
    statements: tuple[Statement, ...]
    committed: asyncio.Future[None]


class Store:
    """Reads and group-committed writes on one file, which it makes when there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: asyncio.Queue[_Write] = asyncio.Queue(maxsize=10_000)

    async def open(self) -> None:
        """Open the file and start committing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = await aiosqlite.connect(self._path)
        await self._writer.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        self._reader = await aiosqlite.connect(self._path)
        self._reader.row_factory = sqlite3.Row
        self._committing = asyncio.create_task(self._commit_forever())

    async def close(self) -> None:
        """Stop committing; nothing may write any more."""
        self._committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._committing
        await self._writer.close()
        await self._reader.close()

    async def write(self, *statements: Statement) -> None:
        """Commit the statements together.

        Statements with the same text run together, also with those of other writers. So two of them must
        not depend on their order; one that needs an earlier one waits for that one's `write` to return.
        """
        committed = asyncio.get_running_loop().create_future()
        await self._waiting.put(_Write(statements, committed))
        await committed

    async def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return what is committed, one mapping a row."""
        return list(await self._reader.execute_fetchall(sql, values))

    async def _commit_forever(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _WRITES_PER_COMMIT and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._commit(batch)

    async def _commit(self, batch: list[_Write]) -> None:
        failure: Exception | None = None
        try:
            for sql, rows in _by_text(batch).items():
                await self._writer.executemany(sql, rows)
            await self._writer.commit()
        except Exception as error:  # a value SQLite cannot take must not end all commits
            failure = error
            await self._writer.rollback()
        for write in batch:
            _settle(write.committed, failure)


def _by_text(batch: Iterable[_Write]) -> dict[str, list[Sequence[object]]]:
    grouped: dict[str, list[Sequence[object]]] = {}
    for write in batch:
        for statement in write.statements:
            grouped.setdefault(statement.sql, []).extend(statement.rows)
    return grouped


def _settle(committed: asyncio.Future[None], failure: Exception | None) -> None:
    if committed.done():
        return
    if failure is None:
        committed.set_result(None)
    else:
        committed.set_exception(failure)
