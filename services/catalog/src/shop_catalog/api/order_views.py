"""How orders are shown, to their customer and to those who look after customers."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel

from shop_catalog.api.addresses import PostalAddress
from shop_catalog.domain.order_states import OrderStatus, StatusChange
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import PaymentState
from shop_catalog.domain.refunds import Refund, RefundState, Return, ReturnState
from shop_catalog.domain.shipments import Shipment
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine


class PaymentView(BaseModel):
    """What is known of an order's payment."""

    state: PaymentState
    decline_code: str | None


class StatusView(BaseModel):
    """When an order came into a state, why if there was a reason, and by whom.

    ``by`` is ``customer``, ``shop``, ``payment_provider`` or ``clock``; null where that was not kept.
    """

    status: OrderStatus
    at: datetime
    reason: str | None
    by: str | None

    @classmethod
    def of(cls, change: StatusChange, customer_id: str) -> Self:
        """Return how a step is shown: customers see that it was the shop, not who of it."""
        by = change.by
        if by == customer_id:
            by = "customer"
        elif by and by.startswith("usr_"):
            by = "shop"
        return cls(status=change.status, at=change.at, reason=change.reason, by=by)


class PiecesView(BaseModel):
    """Pieces of one line."""

    product_id: str
    variant_id: str
    quantity: int


class ShipmentView(BaseModel):
    """A parcel; ``delivered_at`` is null while it is on its way."""

    id: str
    lines: list[PiecesView]
    carrier: str
    tracking_number: str | None
    shipped_at: datetime
    delivered_at: datetime | None

    @classmethod
    def of(cls, shipment: Shipment) -> Self:
        """Return how a parcel is shown."""
        return cls(
            id=shipment.id,
            lines=[PiecesView(**each._asdict()) for each in shipment.pieces],
            carrier=shipment.carrier,
            tracking_number=shipment.tracking_number,
            shipped_at=shipment.shipped_at,
            delivered_at=shipment.delivered_at,
        )


class RefundView(BaseModel):
    """Money given back, and what for; ``lines`` is empty where it is for none in particular.

    It did not reach its customer if it ``failed``, or ``bounced`` after the provider had said that it had.
    ``resolution`` says how the shop saw to that.
    """

    id: str
    amount: Money
    state: RefundState
    reason: str
    lines: list[PiecesView]
    return_id: str | None
    at: datetime
    resolution: str | None
    resolved_at: datetime | None

    @classmethod
    def of(cls, refund: Refund) -> Self:
        """Return how a refund is shown."""
        return cls(
            id=refund.id,
            amount=refund.amount,
            state=refund.state,
            reason=refund.reason,
            lines=[PiecesView(**each._asdict()) for each in refund.pieces],
            return_id=refund.return_id,
            at=refund.at,
            resolution=refund.resolution,
            resolved_at=refund.resolved_at,
        )


class ReturnView(BaseModel):
    """Goods that the customer wants to give back; ``note`` is the shop's answer, where it gave one."""

    id: str
    lines: list[PiecesView]
    reason: str
    state: ReturnState
    asked_at: datetime
    decided_at: datetime | None
    note: str | None

    @classmethod
    def of(cls, back: Return) -> Self:
        """Return how a return is shown."""
        return cls(
            id=back.id,
            lines=[PiecesView(**each._asdict()) for each in back.pieces],
            reason=back.reason,
            state=back.state,
            asked_at=back.asked_at,
            decided_at=back.decided_at,
            note=back.note,
        )


class OrderView(BaseModel):
    """An order as its customer sees it.

    ``payment`` is the latest try, null when there was nothing to pay or nobody has tried. With a
    ``reserved_until`` it is to be paid by then, also after a decline: in another way.
    """

    id: str
    status: OrderStatus
    lines: list[OrderLine]
    adjustments: list[OrderAdjustment]
    total: Money
    payment: PaymentView | None
    placed_at: datetime
    reserved_until: datetime | None
    history: list[StatusView]
    address: PostalAddress | None
    shipments: list[ShipmentView]
    refunds: list[RefundView]
    returns: list[ReturnView]

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return how an order is shown."""
        payment = order.attempts[-1] if order.attempts else None
        return cls(
            id=order.id,
            status=order.status,
            lines=list(order.lines),
            adjustments=list(order.adjustments),
            total=order.total,
            payment=payment and PaymentView(state=payment.state, decline_code=payment.decline_code),
            placed_at=order.placed_at,
            reserved_until=order.payable_until,
            history=[StatusView.of(each, order.customer_id) for each in order.history],
            address=PostalAddress.of(order.address) if order.address else None,
            shipments=[ShipmentView.of(each) for each in order.shipments],
            refunds=[RefundView.of(each) for each in order.refunds],
            returns=[ReturnView.of(each) for each in order.returns],
        )
