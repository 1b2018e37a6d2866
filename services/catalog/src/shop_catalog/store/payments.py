"""What the payment provider told by itself, and the money that is to be given back."""

from __future__ import annotations

from datetime import datetime, timedelta

from shop_catalog.domain.payments import (
    Authorised,
    Captured,
    Declined,
    PaymentEvent,
    Reversal,
    Reversed,
)
from shop_catalog.store.documents import Document, Repository
from shop_catalog.store.schedule import ScheduledRepository, first_check
from shop_events.contracts import Money

PAYMENT_EVENTS = "payment_events"
PAYMENT_REVERSALS = "payment_reversals"
EVENTS_KEPT = timedelta(days=90)

_OPEN = "open"
_DONE = {Reversed.REFUNDED.value, Reversed.VOIDED.value}


class PaymentEvents(Repository):
    """Each event of the provider, once. One about an order that is not known here is kept for ever."""

    async def is_known(self, event_id: str) -> bool:
        found = await self._collection.find_one({"_id": event_id}, {"_id": 1}, session=self._session)
        return found is not None

    async def add(self, event: PaymentEvent, at: datetime, settled: bool) -> None:
        """Keep an event; ``settled`` says that it found its order."""
        outcome = event.outcome
        document: Document = {
            "_id": event.id,
            "order_id": event.order_id,
            "attempt_id": event.attempt_id,
            "received_at": at,
            "settled": settled,
        }
        document["kind"] = type(outcome).__name__.lower()
        if isinstance(outcome, Authorised | Captured):
            document["intent_id"] = outcome.intent_id
        elif isinstance(outcome, Declined):
            document["decline_code"] = outcome.code
        await self._collection.insert_one(document, session=self._session)


class Reversals(ScheduledRepository):
    """Payments of cancelled orders, until it is known that they took nothing or gave it back."""

    async def open(self, reversal: Reversal, at: datetime, check_after: timedelta) -> None:
        """Have a payment reversed; one that was given back already is left alone."""
        mine = {"_id": reversal.attempt_id}
        known = await self._collection.find_one(mine, session=self._session)
        if known is not None and known["state"] in _DONE:
            return
        document = {
            **mine,
            "order_id": reversal.order_id,
            "amount": reversal.amount.model_dump(),
            "intent_id": reversal.intent_id,
            "state": _OPEN,
            "check": first_check(at + check_after),
        }
        await self._collection.replace_one(mine, document, upsert=True, session=self._session)

    async def claim_due(self, now: datetime, limit: int) -> list[Reversal]:
        """Return reversals to be tried; see :meth:`ScheduledRepository._claim`."""
        return [_reversal_of(each) for each in await self._claim({"state": _OPEN}, now, limit)]

    async def close(self, reversal: Reversal, outcome: Reversed) -> None:
        """Note what became of a reversal, unless it was opened anew with more knowledge meanwhile."""
        await self._collection.update_one(
            {"_id": reversal.attempt_id, "intent_id": reversal.intent_id},
            {"$set": {"state": outcome.value}},
            session=self._session,
        )


def _reversal_of(document: Document) -> Reversal:
    amount = Money(**document["amount"])
    return Reversal(document["_id"], document["order_id"], amount, document["intent_id"])
