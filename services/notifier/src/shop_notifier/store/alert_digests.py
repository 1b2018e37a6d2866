"""Alerts that are being gathered for administrators: one document per rule, gone once it is told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from shop_events.ids import new_id
from shop_notifier.domain.alerts import MOST_LISTED

ALERT_DIGESTS = "alert_digests"


@dataclass(frozen=True, slots=True)
class AlertDigest:
    """The alerts of one rule since ``opened_at``, oldest first; ``more`` of them are only counted."""

    id: str
    rule: str
    alerts: list[dict[str, Any]]
    more: int


class AlertDigests:
    """The open digest of each rule. Who adds and who closes write one document: one comes after the other."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session

    async def gather(self, rule: str, alert: Mapping[str, Any], now: datetime) -> None:
        """Add an alert to the open digest of its rule; where there is none, one opens now."""
        await self._collection.update_one(
            {"_id": rule},
            {
                "$setOnInsert": {"digest_id": new_id("dig"), "opened_at": now},
                "$push": {"alerts": {"$each": [dict(alert)], "$slice": MOST_LISTED}},
                "$inc": {"count": 1},
            },
            upsert=True,
            session=self._session,
        )

    async def is_due(self, opened_by: datetime) -> bool:
        """Say whether there is a digest that was opened at ``opened_by`` or before."""
        due = {"opened_at": {"$lte": opened_by}}
        return await self._collection.find_one(due, {"_id": 1}, session=self._session) is not None

    async def close_one(self, opened_by: datetime) -> AlertDigest | None:
        """Take out a digest that was opened at ``opened_by`` or before; None when there is none."""
        found = await self._collection.find_one_and_delete(
            {"opened_at": {"$lte": opened_by}}, session=self._session
        )
        if found is None:
            return None
        alerts = found["alerts"]
        return AlertDigest(found["digest_id"], found["_id"], alerts, found["count"] - len(alerts))
