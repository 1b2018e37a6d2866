"""Parcels: what a customer is told once one has left. Where it is, the order's page says."""

from __future__ import annotations

from shop_events.contracts.catalog import OrderShipped
from shop_notifier.application.order_news import News, tell
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

KIND = "shipment"


async def queue(uow: NotifierUnitOfWork, parcel: OrderShipped) -> None:
    """Tell a customer that a parcel is on its way, once.

    Raises:
        NotYet: nothing is known of the customer so far.
    """
    about = {"order_id": parcel.order_id, "shipment_id": parcel.shipment_id}
    content = {
        "order_id": parcel.order_id,
        "carrier": parcel.carrier,
        "lines": [{"title": each.title, "quantity": each.quantity} for each in parcel.shipped],
        "more_to_come": parcel.state == "paid",
    }
    await tell(uow, News(KIND, f"{KIND}:{parcel.shipment_id}", parcel.user_id, about, content))
