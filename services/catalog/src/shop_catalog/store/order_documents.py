"""How an order is written down in MongoDB, and read again, also as earlier versions wrote it."""

from __future__ import annotations

from dataclasses import asdict, fields
from enum import StrEnum

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.order_states import OrderStatus, StatusChange
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import PaymentAttempt, PaymentState
from shop_catalog.domain.refunds import Refund, RefundState, Return, ReturnState
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
        refunds=[_refund_of(each) for each in document.get("refunds", ())],
        returns=[_return_of(each) for each in document.get("returns", ())],
        declined=[_known_attempt(each) for each in document.get("declined", ())],
        version=document["version"],
    )


def _address_of(document: Document | None) -> Address | None:
    if document is None:
        return None
    return Address(**{**document, "lines": tuple(document["lines"])})


def _attempt_of(document: Document | None) -> PaymentAttempt | None:
    return None if document is None else _known_attempt(document)


def _known_attempt(document: Document) -> PaymentAttempt:
    return PaymentAttempt(**{**document, "state": PaymentState(document["state"])})


def _shipment_of(document: Document) -> Shipment:
    return Shipment(**{**document, **_read(document)})


def _refund_of(document: Document) -> Refund:
    read = {"amount": Money(**document["amount"]), "state": RefundState(document["state"])}
    return Refund(**{**document, **_read(document), **read})


def _return_of(document: Document) -> Return:
    return Return(**{**document, **_read(document), "state": ReturnState(document["state"])})


def _read(document: Document) -> Document:
    """Return what shipments, refunds and returns have in common, as the domain has it."""
    names = {"pieces", "withdrawn"} & document.keys()
    pieces = {name: tuple(Pieces(**each) for each in document[name]) for name in names}
    return {**pieces, "request": RequestKey(**document["request"])}


def _moving(part: Shipment | Refund | Return) -> Document:
    """Return how a part of an order that is about pieces is stored."""
    document = _flat(part)
    for name in {"pieces", "withdrawn"} & document.keys():
        document[name] = [each._asdict() for each in document[name]]
    if isinstance(part, Refund):
        document["amount"] = part.amount.model_dump()
    return _plain({**document, "request": request_document(part.request)})


def state_of(order: Order) -> Document:
    """Return what can change of an order, as it is stored."""
    return {
        "payment": None if order.payment is None else _plain(_flat(order.payment)),
        "declined": [_plain(_flat(each)) for each in order.declined],
        "status": order.status.value,
        "history": [_plain(_flat(change)) for change in order.history],
        "shipments": [_moving(each) for each in order.shipments],
        "refunds": [_moving(each) for each in order.refunds],
        "returns": [_moving(each) for each in order.returns],
        "returning": any(each.state is ReturnState.ASKED for each in order.returns),
        "refund_failed": any(each.needs_somebody for each in order.refunds),
        "refunding": any(each.state is RefundState.PENDING for each in order.refunds),
        "version": order.version,
    }


def _flat(part: PaymentAttempt | StatusChange | Shipment | Refund | Return) -> Document:
    """Return the fields of a part; `asdict` would copy each, and take ten times as long."""
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _plain(document: Document) -> Document:
    """Return a document whose enum members are plain text, as BSON wants them."""
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in document.items()}
