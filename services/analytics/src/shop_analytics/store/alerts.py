"""Alerts by fingerprint. Kept when the read models are built anew: what was told was told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from pymongo import ReplaceOne

from shop_analytics.domain.alerts import Alert, Crossing
from shop_analytics.domain.verdicts import Rule
from shop_analytics.store.repository import Document, Repository

ALERTS = "alerts"


class Alerts(Repository):
    """What is known of each rule and subject that ever crossed a threshold."""

    async def load(self, fingerprints: Iterable[str]) -> dict[str, Alert]:
        """Return those of the alerts that are known."""
        return {document["_id"]: _alert(document) for document in await self._found(fingerprints)}

    async def lapsed(self, by: datetime, limit: int) -> list[Alert]:
        """Return up to ``limit`` open alerts of which nothing was heard that lasts beyond ``by``."""
        found = self._collection.find({"open": True, "until": {"$lte": by}}, session=self._session)
        return [_alert(document) async for document in found.sort("until").limit(limit)]

    async def save(self, alerts: Iterable[Alert]) -> None:
        """Store alerts as they are."""
        await self._write(
            [ReplaceOne({"_id": alert.fingerprint}, _document(alert), upsert=True) for alert in alerts]
        )


def _alert(document: Document) -> Alert:
    crossing = Crossing(document["raised_at"], document["until"], document["severity"], document["open"])
    return Alert(cast(Rule, document["rule"]), document["subject"], crossing, document["version"])


def _document(alert: Alert) -> Document:
    assert alert.crossing
    return {
        "rule": alert.rule,
        "subject": alert.subject,
        "raised_at": alert.crossing.raised_at,
        "until": alert.crossing.until,
        "severity": alert.crossing.severity,
        "open": alert.crossing.open,
        "version": alert.version,
    }
