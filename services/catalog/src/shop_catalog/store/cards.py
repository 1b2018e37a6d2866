"""Saved cards in MongoDB: a read model of what identity tells of them."""

from __future__ import annotations

from shop_catalog.store.documents import Document
from shop_events.contracts.identity import PaymentMethodsChanged
from shop_events.read_model import ReadModel

CARDS = "cards"


class Cards(ReadModel):
    """The cards that customers have saved, by customer."""

    async def keep(self, event: PaymentMethodsChanged, sequence: int) -> None:
        """Remember a customer's cards, all of them, unless newer is known."""
        cards = [{"id": each.id, "token": each.token} for each in event.methods]
        await self.put(event.user_id, sequence, {"cards": cards})

    async def token(self, user_id: str, card_id: str) -> str | None:
        """Return the provider's token of a customer's card, None when the customer has no such card."""
        mine: Document = await self.get(user_id) or {"cards": []}
        return next((card["token"] for card in mine["cards"] if card["id"] == card_id), None)

    async def is_anothers(self, user_id: str, token: str) -> bool:
        """Say whether the card with this token was saved by somebody else."""
        others = {"cards.token": token, "_id": {"$ne": user_id}}
        return await self._collection.find_one(others, {"_id": 1}, session=self._session) is not None
