"""How an order is written down in MongoDB, and read again, also as earlier versions wrote it."""

from __future__ import annotations

from dataclasses import asdict

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.order_states import OrderStatus, StatusChange
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import PaymentAttempt, PaymentState
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.shipments import Shipment
from shop_catalog.domain.variants import Pieces
from shop_catalog.store.documents import Document, request_document, request_of
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine


def document_of(order: Order) -> Document:
    """Return an order as it is stored."""
    return {
        "_id": order.id,
        "customer_id": order.customer_id,
        "request": request_document(order.request),
        "lines": [line.model_dump() for line in order.lines],
        "total": order.total.model_dump(),
        "adjustments": [each.model_dump() for each in order.adjustments],
        "coupon_id": order.coupon_id,
        "address": order.address and asdict(order.address),
        "placed_at": order.placed_at,
        "reserved_until": order.reserved_until,
        **state_of(order),
    }


def order_of(document: Document) -> Order:
    """Return the order that a document holds."""
    return Order(
        id=document["_id"],
        customer_id=document["customer_id"],
        request=request_of(document),
        lines=tuple(OrderLine(**line) for line in document["lines"]),
        total=Money(**document["total"]),
        payment=_attempt_of(document["payment"]),
        placed_at=document["placed_at"],
        status=OrderStatus(document["status"]),
        reserved_until=document.get("reserved_until"),
        history=[
            StatusChange(OrderStatus(each["status"]), each["at"], each["reason"], each.get("by"))
            for each in document["history"]
        ],
        adjustments=tuple(OrderAdjustment(**each) for each in document.get("adjustments", ())),
        coupon_id=document.get("coupon_id"),
        address=_address_of(document.get("address")),
        shipments=[_shipment_of(each) for each in document.get("shipments", ())],
        version=document["version"],
    )


def _address_of(document: Document | None) -> Address | None:
    if document is None:
        return None
    return Address(**{**document, "lines": tuple(document["lines"])})


def _attempt_of(document: Document | None) -> PaymentAttempt | None:
    if document is None:
        return None
    return PaymentAttempt(**{**document, "state": PaymentState(document["state"])})


def _shipment_of(document: Document) -> Shipment:
    pieces = tuple(Pieces(**each) for each in document["pieces"])
    return Shipment(**{**document, "pieces": pieces, "request": RequestKey(**document["request"])})


def _shipment_document(shipment: Shipment) -> Document:
    return {**asdict(shipment), "pieces": [each._asdict() for each in shipment.pieces]}


def state_of(order: Order) -> Document:
    """Return what can change of an order, as it is stored."""
    return {
        "payment": None if order.payment is None else _plain(asdict(order.payment)),
        "status": order.status.value,
        "history": [_plain(asdict(change)) for change in order.history],
        "shipments": [_shipment_document(each) for each in order.shipments],
        "version": order.version,
    }


def _plain(document: Document) -> Document:
    """Return a document whose enum members are plain text, as BSON wants them."""
    return {
        name: value.value if isinstance(value, OrderStatus | PaymentState) else value
        for name, value in document.items()
    }
