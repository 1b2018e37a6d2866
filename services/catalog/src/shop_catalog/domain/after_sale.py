"""What happens to an order once it is paid: parcels, refunds, returns. They say which state it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shop_catalog.domain.errors import (
    IllegalMove,
    MixedCurrencies,
    RefundNotFound,
    RefundTooLarge,
    ReturnNotFound,
    ShipmentNotFound,
    TooManyPieces,
)
from shop_catalog.domain.order_record import OrderRecord
from shop_catalog.domain.order_states import MOVES, OVER, PROVIDER, OrderStatus
from shop_catalog.domain.refunds import MOST_REFUNDS, MOST_RETURNS, Refund, RefundState, Return, ReturnState
from shop_catalog.domain.shipments import MOST_SHIPMENTS, Shipment, counted, moved
from shop_catalog.domain.variants import Pieces
from shop_events.contracts.catalog import (
    OrderDelivered,
    OrderRefunded,
    OrderRefundFailed,
    OrderReturnDeclined,
    OrderReturned,
    OrderShipped,
)


@dataclass(kw_only=True, eq=False)
class AfterSale(OrderRecord):
    """An order whose goods are sent and come back, and whose money is given back."""

    def ship(self, shipment: Shipment, by: str) -> None:
        """Note that a parcel has left; with the last piece the order is fulfilled.

        Raises:
            IllegalMove: the order is not paid, there are too many parcels, or nothing is in this one.
            TooManyPieces: more than are still to be sent.
        """
        self._assert_may_become(OrderStatus.FULFILLED)
        if len(self.shipments) >= MOST_SHIPMENTS:
            raise IllegalMove(f"an order goes in {MOST_SHIPMENTS} parcels at most")
        if not shipment.pieces:
            raise IllegalMove("there is nothing left to send")
        self._assert_left(self.balance.to_ship, shipment.pieces)
        self.shipments.append(shipment)
        self._advance(shipment.shipped_at, by)
        self.record(
            OrderShipped(
                **self._said_since(),
                shipment_id=shipment.id,
                shipped=moved(self.lines, shipment.pieces),
                carrier=shipment.carrier,
                shipped_at=shipment.shipped_at,
            )
        )

    def deliver(self, shipment_id: str, at: datetime, by: str) -> None:
        """Note that a parcel has arrived, whatever became of the order meanwhile; again changes nothing.

        Raises:
            ShipmentNotFound: there is no such parcel.
        """
        place = _place_of(shipment_id, self.shipments)
        if place is None:
            raise ShipmentNotFound
        if self.shipments[place].delivered_at is not None:
            return
        self.shipments[place] = replace(self.shipments[place], delivered_at=at)
        self._advance(at, by)
        self.record(OrderDelivered(**self._said_since(), shipment_id=shipment_id, delivered_at=at))

    def begin_refund(self, refund: Refund) -> None:
        """Note that money is going to be given back: it cannot be given another time.

        Raises:
            IllegalMove: the order is not paid, was refunded, or has too many refunds.
            RefundTooLarge, MixedCurrencies: more than is left of what was captured, or in another currency.
            TooManyPieces: more than are left that were not refunded.
        """
        self._assert_may_become(OrderStatus.REFUNDED)
        if len(self.refunds) >= MOST_REFUNDS:
            raise IllegalMove(f"an order is refunded {MOST_REFUNDS} times at most")
        self._assert_left(self.balance.unrefunded, refund.pieces)
        if refund.amount.currency != self.total.currency:
            raise MixedCurrencies(f"The order was paid in {self.total.currency}.")
        if not 0 < refund.amount.amount <= self.balance.to_refund:
            raise RefundTooLarge(self.balance.to_refund, self.total.currency)
        self.refunds.append(refund)

    def settle_refund(self, refund_id: str, succeeded: bool, at: datetime) -> Refund | None:
        """Note what became of a refund; return it, or None if that was known or it is none of these."""
        place = _place_of(refund_id, self.refunds)
        state = None if place is None else self.refunds[place].state.after(succeeded=succeeded)
        if place is None or state is None:
            return None
        settled = self.refunds[place] = replace(self.refunds[place], state=state)
        if settled.has_failed:
            self.record(
                OrderRefundFailed(
                    **self._said_since(),
                    refund_id=refund_id,
                    amount=settled.amount,
                    bounced=state is RefundState.BOUNCED,
                    failed_at=at,
                )
            )
            return settled
        self._advance(at, by=PROVIDER)
        refunded = self.total.model_copy(update={"amount": self.balance.refunded})
        self.record(
            OrderRefunded(
                **self._said_since(),
                refund_id=refund_id,
                amount=settled.amount,
                refunded=refunded,
                refunded_lines=moved(self.lines, settled.pieces),
                refunded_at=at,
            )
        )
        return settled

    def resolve_refund(self, refund_id: str, resolution: str, at: datetime, by: str) -> None:
        """Note that somebody saw to a refund that failed; saying the same again changes nothing.

        Raises:
            RefundNotFound: there is no such refund.
            IllegalMove: it has not failed, or somebody said otherwise.
        """
        place = _place_of(refund_id, self.refunds)
        if place is None:
            raise RefundNotFound
        failed = self.refunds[place]
        if failed.needs_somebody:
            self.refunds[place] = replace(failed, resolution=resolution, resolved_at=at, resolved_by=by)
        elif failed.resolution != resolution:
            raise IllegalMove(f"there is nothing to see to about a refund that was {failed.state}")

    def ask_return(self, wanted: Return) -> None:
        """Note that the customer wants to give goods back.

        Raises:
            IllegalMove: the order is over, or has too many returns.
            TooManyPieces: more than were sent and no return is about.
        """
        if self.status in OVER or len(self.returns) >= MOST_RETURNS:
            raise IllegalMove(f"nothing more can be returned of an order that is {self.status}")
        self._assert_left(self.balance.to_return, wanted.pieces)
        self.returns.append(wanted)

    def decide_return(self, return_id: str, accepted: bool, note: str | None, at: datetime, by: str) -> bool:
        """Note that goods are back, or will not be taken; return False when that was known.

        Raises:
            ReturnNotFound: there is no such return.
            IllegalMove: it was decided otherwise.
        """
        place = _place_of(return_id, self.returns)
        if place is None:
            raise ReturnNotFound
        asked, state = self.returns[place], ReturnState.ACCEPTED if accepted else ReturnState.DECLINED
        if asked.state is not ReturnState.ASKED:
            if asked.state is not state:
                raise IllegalMove(f"a return that was {asked.state} is not decided again")
            return False
        self.returns[place] = replace(asked, state=state, decided_at=at, note=note)
        self._advance(at, by)
        event, told = (OrderReturned, "returned") if accepted else (OrderReturnDeclined, "declined")
        lines = moved(self.lines, asked.pieces)
        self.record(event(**self._said_since(), return_id=return_id, **{told: lines, f"{told}_at": at}))
        return True

    def _advance(self, at: datetime, by: str) -> None:
        """Move on as far as what has happened to the order's goods and money allows."""
        balance = self.balance
        if self.status is OrderStatus.PAID and balance.is_sent:
            self._move(OrderStatus.FULFILLED, at, by=by)
        if self.status is OrderStatus.FULFILLED and balance.has_arrived:
            self._move(OrderStatus.DELIVERED, at, by=by)
        if OrderStatus.RETURNED in MOVES[self.status] and balance.is_returned:
            self._move(OrderStatus.RETURNED, at, by=by)
        if OrderStatus.REFUNDED in MOVES[self.status] and 0 < balance.captured == balance.refunded:
            self._move(OrderStatus.REFUNDED, at, by=by)

    @staticmethod
    def _assert_left(left: Mapping[str, int], pieces: Iterable[Pieces]) -> None:
        if any(count > left.get(variant_id, 0) for variant_id, count in counted([pieces]).items()):
            raise TooManyPieces(left)


def _place_of(id: str, parts: Sequence[Shipment | Refund | Return]) -> int | None:
    """Return where in an order a part with this id stands."""
    return next((place for place, each in enumerate(parts) if each.id == id), None)
