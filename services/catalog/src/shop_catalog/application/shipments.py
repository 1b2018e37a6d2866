"""Shipments: sent off by operators, and told of when they have arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shop_catalog.application import orders
from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_operator
from shop_catalog.domain.orders import Order
from shop_catalog.domain.requests import RequestKey, earlier
from shop_catalog.domain.shipments import Shipment, chosen, within
from shop_catalog.domain.variants import Item, Pieces
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent off, and with whom.

    Args:
        quantities: pieces by product and variant; None for everything that is still to be sent.
    """

    quantities: Mapping[Item, int] | None
    carrier: str
    tracking_number: str | None


async def ship(
    uow: CatalogUnitOfWork, order_id: str, parcel: Parcel, caller: Caller, request: RequestKey
) -> Order:
    """Note that a parcel has left; the same request notes it once.

    Raises:
        AccessDenied: the caller does not look after customers.
        OrderNotFound: there is no such order.
        IllegalMove: it is not paid, or there is nothing left to send.
        UnknownLine, VariantNeeded, TooManyPieces: it has no such pieces, or not as many left.
        KeyReused: the request's key came with another request.
    """
    demand_operator(caller)
    order = await orders.show(uow, order_id, caller)
    if earlier(order.shipments, request):
        return order
    shipment = Shipment(
        id=new_id("shp"),
        pieces=_pieces(order, parcel),
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        shipped_at=now(),
        request=request,
    )
    order.ship(shipment, caller.user_id)
    await uow.save_order(order)
    return order


async def deliver(uow: CatalogUnitOfWork, order_id: str, shipment_id: str, caller: Caller) -> Order:
    """Note that a parcel has arrived; again changes nothing.

    Raises:
        AccessDenied: the caller does not look after customers.
        OrderNotFound, ShipmentNotFound: there is none.
    """
    demand_operator(caller)
    order = await orders.show(uow, order_id, caller)
    order.deliver(shipment_id, now(), caller.user_id)
    if order.facts:
        await uow.save_order(order)
    return order


def _pieces(order: Order, parcel: Parcel) -> tuple[Pieces, ...]:
    if parcel.quantities is not None:
        return chosen(order.lines, parcel.quantities)
    return within(order.pieces, order.balance.to_ship)
