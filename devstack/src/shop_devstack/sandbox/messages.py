"""The sandbox's record of mails and text messages: what a message is, how it is kept, found and counted."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from shop_devstack.sandbox.store import Statement, Store
from shop_devstack.sandbox.wire import unix_ms

SENT_AFTER_MS = 50
SETTLED_AFTER_MS = 100

_LISTED = (
    "m.seq, m.id, m.channel, m.accepted_at, m.outcome, m.sender, m.recipient, m.subject, m.order_id,"
    " m.notification_id, m.total_minor, m.currency, m.total, m.details, c.text"
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says; the messages of one request share it."""

    id: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One mail envelope or one text message, as the provider accepted it.

    Args:
        tags: what the sender said of it: `order_id`, `notification_id`, `total_minor`, `currency`, `total`.
        outcome: the last status it will reach.
        details: whatever else is worth showing.
    """

    id: str
    channel: str
    content_id: str
    accepted_at: int
    sender: str
    recipient: str
    tags: Mapping[str, str]
    subject: str = ""
    outcome: str = "delivered"
    details: Mapping[str, Any] = field(default_factory=dict)


def status_at(accepted_at: int, outcome: str, now: int) -> str:
    """Return a message's status at a time: a message's life needs no writes, only a clock."""
    age = now - accepted_at
    if age < SENT_AFTER_MS:
        return "queued"
    return "sent" if age < SETTLED_AFTER_MS else outcome


class Messages:
    """Keeps messages and answers for the pages and the tests."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def insert(self, content: Content, messages: Iterable[Message]) -> tuple[Statement, Statement]:
        """Return the statements that keep messages and the content they share."""
        return (
            Statement("INSERT INTO contents VALUES (?, ?, ?)", [(content.id, content.text, content.html)]),
            Statement(
                "INSERT INTO messages (id, channel, content_id, accepted_at, outcome, sender, recipient,"
                " subject, order_id, notification_id, total_minor, currency, total, details)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(message) for message in messages],
            ),
        )

    async def page(
        self, channel: str | None, order_id: str | None, after: int, limit: int
    ) -> list[dict[str, Any]]:
        """Return up to `limit` messages that came after the sequence number `after`, oldest first."""
        found = await self._store.rows(
            f"SELECT {_LISTED} FROM messages m JOIN contents c ON c.id = m.content_id"  # noqa: S608
            " WHERE m.seq > ?1 AND (?2 IS NULL OR m.channel = ?2) AND (?3 IS NULL OR m.order_id = ?3)"
            " ORDER BY m.seq LIMIT ?4",
            after,
            channel,
            order_id,
            limit,
        )
        return [_view(row) for row in found]

    async def newest(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest messages, newest first."""
        found = await self._store.rows(
            f"SELECT {_LISTED} FROM messages m JOIN contents c ON c.id = m.content_id"  # noqa: S608
            " ORDER BY m.seq DESC LIMIT ?",
            limit,
        )
        return [_view(row) for row in found]

    async def one(self, message_id: str) -> dict[str, Any] | None:
        """Return a message with its `html`, or None."""
        found = await self._store.rows(
            f"SELECT {_LISTED}, c.html FROM messages m JOIN contents c ON c.id = m.content_id"  # noqa: S608
            " WHERE m.id = ?",
            message_id,
        )
        return _view(found[0]) if found else None

    async def counts(self) -> dict[str, dict[str, int]]:
        """Return for each channel how many messages and how many orders they speak of."""
        found = await self._store.rows(
            "SELECT channel, count(*) AS messages, count(DISTINCT order_id) AS orders"
            " FROM messages GROUP BY channel"
        )
        return {row["channel"]: {"messages": row["messages"], "orders": row["orders"]} for row in found}

    async def receipts(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return by order id and channel: `count`, and `accepted_at` and the totals of the first message.

        SQLite takes the bare columns of such a query from the row that holds the minimum.
        """
        found = await self._store.rows(
            "SELECT order_id, channel, count(*) AS count, min(accepted_at) AS accepted_at,"
            " total_minor, currency, total, notification_id"
            " FROM messages WHERE order_id IS NOT NULL GROUP BY order_id, channel"
        )
        orders: dict[str, dict[str, dict[str, Any]]] = {}
        for row in found:
            told = dict(row)
            orders.setdefault(told.pop("order_id"), {})[told.pop("channel")] = told
        return orders

    async def clear(self) -> None:
        """Forget all messages, and the news of them that nobody has heard yet."""
        await self._store.write(
            Statement("DELETE FROM messages", [()]),
            Statement("DELETE FROM contents", [()]),
            Statement("DELETE FROM webhooks WHERE provider <> ?", [("payments",)]),
        )


def _row(message: Message) -> tuple[object, ...]:
    tags = message.tags
    return (
        message.id,
        message.channel,
        message.content_id,
        message.accepted_at,
        message.outcome,
        message.sender,
        message.recipient,
        message.subject,
        tags.get("order_id"),
        tags.get("notification_id"),
        _whole(tags.get("total_minor")),
        tags.get("currency"),
        tags.get("total"),
        orjson.dumps(message.details).decode(),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and len(text) <= 18 and text.removeprefix("-").isdecimal() else None


def _view(row: sqlite3.Row) -> dict[str, Any]:
    view = dict(row)
    view["details"] = orjson.loads(view["details"])
    view["status"] = status_at(view["accepted_at"], view.pop("outcome"), unix_ms())
    return view
