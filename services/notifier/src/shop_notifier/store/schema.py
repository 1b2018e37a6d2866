"""Indexes of notifier's collections."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from shop_notifier.domain.access import ADMINISTRATOR
from shop_notifier.domain.notifications import Channel, Status
from shop_notifier.store.broadcasts import BROADCAST_READS, BROADCASTS
from shop_notifier.store.guest_links import GUEST_LINKS
from shop_notifier.store.notifications import NOTIFICATIONS
from shop_notifier.store.people import USERS
from shop_notifier.store.webhooks import WEBHOOK_EVENTS

# SendGrid repeats a webhook for 24 hours.
_WEBHOOKS_REMEMBERED = timedelta(days=3)


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Create what is missing; doing it again changes nothing."""
    await db[NOTIFICATIONS].create_indexes(
        [
            _waiting("to_dispatch", Status.QUEUED, "channel", "due_at"),
            _waiting("stale_claims", Status.SENDING, "claim.at"),
            _waiting("to_settle", Status.UNKNOWN, "settle_by"),
            IndexModel(
                [("user_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)],
                name="inbox",
                partialFilterExpression={"channel": Channel.SITE.value},
            ),
            IndexModel(
                [("user_id", ASCENDING)],
                name="unread",
                partialFilterExpression={"channel": Channel.SITE.value, "status": Status.DELIVERED.value},
            ),
            IndexModel([("status", ASCENDING), ("_id", ASCENDING)], name="by_status"),
        ]
    )
    await db[USERS].create_indexes(
        [
            IndexModel(
                [("roles", ASCENDING)],
                name="administrators",
                partialFilterExpression={"roles": ADMINISTRATOR},
            )
        ]
    )
    await db[BROADCASTS].create_indexes(
        [
            IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
            IndexModel([("withdrawn_at", ASCENDING), ("shown_until", ASCENDING)], name="shown"),
            IndexModel([("created_by", ASCENDING), ("key", ASCENDING)], name="idempotency", unique=True),
        ]
    )
    for name in (BROADCAST_READS, GUEST_LINKS):
        await db[name].create_indexes(
            [IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0)]
        )
    await db[WEBHOOK_EVENTS].create_indexes(
        [
            IndexModel(
                [("at", ASCENDING)], name="expiry", expireAfterSeconds=_WEBHOOKS_REMEMBERED.days * 86_400
            )
        ]
    )


def _waiting(name: str, status: Status, *fields: str) -> IndexModel:
    return IndexModel(
        [(field, ASCENDING) for field in fields],
        name=name,
        partialFilterExpression={"status": status.value},
    )
