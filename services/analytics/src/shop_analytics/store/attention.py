"""Page views one by one, so that each counts once and its engaged time as the largest total told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pymongo import ReplaceOne

from shop_analytics.domain.visits import PageAttention
from shop_analytics.store.repository import Document, Repository

ATTENTION = "attention"
_REMEMBERED = timedelta(days=60)


class Attention(Repository):
    """Page views by visitor and view."""

    async def load(self, ids: Iterable[str]) -> dict[str, PageAttention]:
        """Return those of the page views that are known."""
        return {document["_id"]: _page(document) for document in await self._found(ids)}

    async def save(self, pages: Iterable[PageAttention], now: datetime) -> None:
        """Store page views as they are."""
        expires_at = now + _REMEMBERED
        await self._write(
            [ReplaceOne({"_id": page.id}, _document(page, expires_at), upsert=True) for page in pages]
        )


def _page(document: Document) -> PageAttention:
    return PageAttention(
        document["_id"], document["product_id"], document["viewed_at"], document["engaged_ms"]
    )


def _document(page: PageAttention, expires_at: datetime) -> Document:
    return {
        "product_id": page.product_id,
        "viewed_at": page.viewed_at,
        "engaged_ms": page.engaged_ms,
        "expires_at": expires_at,
    }
