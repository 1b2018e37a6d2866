"""Shipments over HTTP, for those who look after customers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.order_views import OrderView
from shop_catalog.api.orders import Lines, quantities_of
from shop_catalog.api.requests import Asked, Id
from shop_catalog.application import shipments
from shop_catalog.application.shipments import Parcel
from shop_catalog.domain.errors import (
    AccessDenied,
    IllegalMove,
    KeyReused,
    OrderNotFound,
    ShipmentNotFound,
    TooManyPieces,
    UnknownLine,
    VariantNeeded,
)
from shop_chassis.auth import Authenticated
from shop_chassis.http import ONE_LINE, BadIdempotencyKey, Body, Transact
from shop_chassis.openapi import responses

router = APIRouter(tags=["orders"])


class ShipOrder(Body):
    """What is sent off, and with whom. Without ``lines`` it is everything that is still to be sent."""

    lines: Lines | None = None
    carrier: Annotated[str, Field(min_length=1, max_length=60, pattern=ONE_LINE, examples=["Royal Mail"])]
    tracking_number: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9-]{4,40}$")] = None

    def parcel(self) -> Parcel:
        """Return it as the use case wants it."""
        quantities = None if self.lines is None else quantities_of(self.lines)
        return Parcel(quantities, self.carrier, self.tracking_number)


@router.post(
    "/v1/orders/{id}/shipments",
    status_code=201,
    responses=responses(
        AccessDenied,
        BadIdempotencyKey,
        OrderNotFound,
        IllegalMove,
        UnknownLine,
        VariantNeeded,
        TooManyPieces,
        KeyReused,
        of=ERRORS,
    ),
)
async def ship_order(
    id: Id, body: ShipOrder, caller: Authenticated, asked: Asked, transact: Transact
) -> OrderView:
    """Note that a parcel has left, with all or some of an order."""
    return OrderView.of(await transact(shipments.ship, id, body.parcel(), caller, asked(body)))


@router.put(
    "/v1/orders/{id}/shipments/{shipment_id}/delivery",
    responses=responses(AccessDenied, OrderNotFound, ShipmentNotFound, of=ERRORS),
)
async def note_delivery(id: Id, shipment_id: Id, caller: Authenticated, transact: Transact) -> OrderView:
    """Note that a parcel has arrived."""
    return OrderView.of(await transact(shipments.deliver, id, shipment_id, caller))
