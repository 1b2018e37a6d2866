"""What delivery and tax cost by country, in MongoDB."""

from __future__ import annotations

from shop_catalog.domain.tariffs import Tariff
from shop_catalog.store.documents import Document, Repository
from shop_events.contracts import Money

TARIFFS = "tariffs"
MOST_TARIFFS = 300


class Tariffs(Repository):
    """One tariff a country."""

    async def all(self) -> list[Tariff]:
        """Return all of them, by country."""
        found = self._collection.find({}, session=self._session).sort("_id", 1).limit(MOST_TARIFFS)
        return [_tariff_of(document) async for document in found]

    async def put(self, tariff: Tariff) -> None:
        """Store a tariff in the place of the country's former one."""
        document = {
            "delivery": [each.model_dump() for each in tariff.delivery],
            "free_from": [each.model_dump() for each in tariff.free_from],
            "tax_basis_points": tariff.tax_basis_points,
            "tax_included": tariff.tax_included,
        }
        await self._collection.replace_one(
            {"_id": tariff.country}, document, upsert=True, session=self._session
        )

    async def remove(self, country: str) -> None:
        await self._collection.delete_one({"_id": country}, session=self._session)


def _tariff_of(document: Document) -> Tariff:
    return Tariff(
        country=document["_id"],
        delivery=tuple(Money(**each) for each in document["delivery"]),
        free_from=tuple(Money(**each) for each in document["free_from"]),
        tax_basis_points=document["tax_basis_points"],
        tax_included=document["tax_included"],
    )
