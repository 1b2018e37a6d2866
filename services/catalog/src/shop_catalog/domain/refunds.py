"""What comes back after a sale: goods that customers return, and money that they are given.

How much of an order can still be sent, returned or refunded is counted here, in :class:`Balance`; what may
happen when is decided in `order_states`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from math import floor

from shop_catalog.domain.quotes import pieces_of
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.shipments import Shipment, counted, within
from shop_catalog.domain.variants import Pieces
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine

MOST_REFUNDS = 100
MOST_RETURNS = 100


class RefundState(StrEnum):
    """What is known of a refund. A failed one gave nothing back, and can be given again.

    One that bounced gave nothing back either, though the provider had said so: the order has moved on, and
    whoever is owed the money gets it in some other way than through this card.
    """

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BOUNCED = "bounced"

    def after(self, *, succeeded: bool) -> RefundState | None:
        """Return the state after the provider's word, None where that is known or out of date."""
        return _AFTER.get((self, succeeded))


_AFTER = {
    (RefundState.PENDING, True): RefundState.SUCCEEDED,
    (RefundState.PENDING, False): RefundState.FAILED,
    (RefundState.SUCCEEDED, False): RefundState.BOUNCED,
}
_SETTLED = (RefundState.SUCCEEDED, RefundState.BOUNCED)
"""Those that count as given: what bounced is owed to its customer, and to nobody else."""


class ReturnState(StrEnum):
    """What became of a return."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """Money given back. It is stored before the provider hears of it.

    Args:
        id: ``ref_…``, the idempotency key at the provider.
        pieces: what it is for; nothing where it is just an amount.
        withdrawn: those of them that had not been sent, and are not to be any more.
        restock: whether what is withdrawn goes back into stock, once the money is back.
        return_id: the return that it is for.
        by: who decided it.
        resolution: how somebody saw to one that failed, in words to the customer.
    """

    id: str
    amount: Money
    reason: str
    by: str
    at: datetime
    request: RequestKey
    pieces: tuple[Pieces, ...] = ()
    withdrawn: tuple[Pieces, ...] = ()
    restock: bool = False
    return_id: str | None = None
    state: RefundState = RefundState.PENDING
    resolution: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the money did not reach the customer."""
        return self.state in (RefundState.FAILED, RefundState.BOUNCED)

    @property
    def needs_somebody(self) -> bool:
        """Whether it failed, and nobody has said that they saw to it."""
        return self.has_failed and self.resolved_at is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Return:
    """Goods that a customer wants to give back.

    Args:
        id: ``rtn_…``.
        reason: the customer's words; told to nobody but operators.
        note: the operator's words to the customer.
    """

    id: str
    pieces: tuple[Pieces, ...]
    reason: str
    asked_at: datetime
    request: RequestKey
    state: ReturnState = ReturnState.ASKED
    decided_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What was bought and paid, against what was sent, came back, and was given back."""

    lines: Sequence[OrderLine]
    adjustments: Sequence[OrderAdjustment]
    captured: int
    shipments: Sequence[Shipment]
    refunds: Sequence[Refund]
    returns: Sequence[Return]

    @property
    def to_ship(self) -> Counter[str]:
        """Pieces by variant that may be sent: those that are being refunded are kept back."""
        return self._unsent(self._valid)

    @property
    def is_sent(self) -> bool:
        """Whether something was sent, and nothing is left that may ever have to be."""
        done = [each for each in self.refunds if each.state in _SETTLED]
        return bool(self.shipments) and not self._unsent(done)

    @property
    def has_arrived(self) -> bool:
        """Whether all that was sent has arrived."""
        return all(each.delivered_at for each in self.shipments)

    @property
    def is_returned(self) -> bool:
        """Whether all that was sent has come back."""
        back = counted(each.pieces for each in self.returns if each.state is ReturnState.ACCEPTED)
        return bool(self.shipments) and not self._sent - back

    @property
    def to_return(self) -> Counter[str]:
        """Pieces by variant that were sent, and that no return is about."""
        return self._sent - counted(
            each.pieces for each in self.returns if each.state is not ReturnState.DECLINED
        )

    def returnable_until(self, window: timedelta) -> datetime | None:
        """Return when the last parcel will have been there for ``window``; None while one is on its way."""
        arrivals = [each.delivered_at for each in self.shipments if each.delivered_at]
        if not arrivals or len(arrivals) < len(self.shipments):
            return None
        return max(arrivals) + window

    @property
    def to_refund(self) -> int:
        """Minor units that can be given back, besides those that are on their way."""
        return self.captured - sum(each.amount.amount for each in self._valid)

    @property
    def refunded(self) -> int:
        """Minor units that were given back, or bounced and are given back in some other way."""
        return sum(each.amount.amount for each in self.refunds if each.state in _SETTLED)

    @property
    def unrefunded(self) -> Counter[str]:
        """Pieces by variant that no refund is about."""
        return self._bought - counted(each.pieces for each in self._valid)

    def worth(self, pieces: Iterable[Pieces]) -> int:
        """Return what was paid for pieces that were not refunded, in minor units, delivery left out.

        Discounts count as spread evenly over their line, and tax that came on top over goods and delivery.
        Rounded so that the parts of an order, refunded one after the other in whichever order, add up to
        what all its goods cost.
        """
        before = counted(each.pieces for each in self._valid)
        return self._cost(before + counted([pieces])) - self._cost(before)

    def withdrawn(self, pieces: Iterable[Pieces]) -> tuple[Pieces, ...]:
        """Return those of the pieces that are still to be sent."""
        return within(pieces, self.to_ship)

    @property
    def _valid(self) -> list[Refund]:
        return [each for each in self.refunds if each.state is not RefundState.FAILED]

    @property
    def _bought(self) -> Counter[str]:
        return counted([[pieces_of(line) for line in self.lines]])

    @property
    def _sent(self) -> Counter[str]:
        return counted(each.pieces for each in self.shipments)

    def _unsent(self, refunds: Iterable[Refund]) -> Counter[str]:
        return self._bought - self._sent - counted(each.withdrawn for each in refunds)

    def _cost(self, count: Counter[str]) -> int:
        goods = sum(_net(line) for line in self.lines)
        if not goods:
            return 0
        tax = _sum(self.adjustments, "tax")
        with_tax = goods + floor(Fraction(tax * goods, goods + _sum(self.adjustments, "shipping")))
        parts = (
            Fraction(_net(line) * count[pieces_of(line).variant_id], line.quantity) for line in self.lines
        )
        return floor(sum(parts) * Fraction(with_tax, goods))


def _net(line: OrderLine) -> int:
    return line.line_total.amount - (line.discount.amount if line.discount else 0)


def _sum(adjustments: Iterable[OrderAdjustment], kind: str) -> int:
    return sum(each.amount.amount for each in adjustments if each.kind == kind and not each.included)
