"""Which logins were revoked, by user or token family, for as long as somebody may still try to use them."""

from __future__ import annotations

from datetime import datetime, timedelta

from shop_session.store.repository import Repository

_KEPT = timedelta(days=1)


class Revocations(Repository):
    """The lowest epochs that are still valid."""

    async def raise_to(self, subject: str, lowest_epoch: int, now: datetime) -> None:
        """Remember that the tokens of ``subject`` below ``lowest_epoch`` are worthless."""
        await self._collection.update_one(
            {"_id": subject},
            {"$max": {"lowest_epoch": lowest_epoch, "kept_until": now + _KEPT}},
            upsert=True,
            session=self._session,
        )

    async def claim(self, subject: str, now: datetime) -> int:
        """Return the lowest valid epoch of ``subject``, and conflict with whoever raises it meanwhile.

        It is a write, so that of a link and a revocation at the same time the later one sees the earlier.
        """
        await self._collection.update_one(
            {"_id": subject},
            {"$max": {"lowest_epoch": 0, "kept_until": now + _KEPT}, "$inc": {"links": 1}},
            upsert=True,
            session=self._session,
        )
        document = await self._collection.find_one({"_id": subject}, session=self._session)
        return int(document["lowest_epoch"]) if document else 0
