"""Page views one by one, so that each counts once and its engaged time as the largest total told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from shop_analytics.domain.visits import PageAttention, Waiting
from shop_analytics.store.repository import Document, Repository

ATTENTION = "attention"
_REMEMBERED = timedelta(days=60)


class Attention(Repository):
    """Page views by visitor and view."""

    async def load(self, ids: Iterable[str]) -> dict[str, PageAttention]:
        """Return those of the page views that are known."""
        return {document["_id"]: _page(document) for document in await self._found(ids)}

    async def waiting_for(self, product_ids: Iterable[str], limit: int) -> dict[str, PageAttention]:
        """Return up to ``limit`` page views that wait for news of the products."""
        ids = list(product_ids)
        found = self._collection.find({"waiting.product_id": {"$in": ids}}, session=self._session)
        return {document["_id"]: _page(document) async for document in found.limit(limit)}

    async def save(self, pages: Iterable[PageAttention], now: datetime) -> None:
        """Store page views as they are."""
        expires_at = now + _REMEMBERED
        await self._upsert((page.id, _document(page, expires_at)) for page in pages)


def _page(document: Document) -> PageAttention:
    waiting = document.get("waiting")
    return PageAttention(
        document["_id"],
        document["product_id"],
        document["viewed_at"],
        document["engaged_ms"],
        Waiting(waiting["shard"], waiting["at"], waiting["personalise"]) if waiting else None,
    )


def _document(page: PageAttention, expires_at: datetime) -> Document:
    document: Document = {
        "product_id": page.product_id,
        "viewed_at": page.viewed_at,
        "engaged_ms": page.engaged_ms,
        "expires_at": expires_at,
    }
    if page.waiting:
        document["waiting"] = {
            "product_id": page.product_id,
            "shard": page.waiting.shard,
            "at": page.waiting.at,
            "personalise": page.waiting.personalise,
        }
    return document
