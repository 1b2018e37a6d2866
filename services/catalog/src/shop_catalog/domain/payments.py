"""Paying for an order: the attempt that is stored before the provider is asked, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shop_events.contracts import Money

SAVED_CARD = "card_"
"""How the id of a saved card begins; a token of the provider begins with ``pm_``."""

MOST_TRIES = 5
"""How often an order may be tried to be paid, each time in another way; the last decline cancels it."""


class PaymentState(StrEnum):
    """What is known of an attempt."""

    PENDING = "pending"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    ABANDONED = "abandoned"


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentAttempt:
    """One try to be paid. Its id is the idempotency key at the provider.

    Args:
        id: ``pay_…``.
        method: the provider's token for a card, never a card number.
        intent_id: the provider's id, once it is known.
        decline_code: why the provider said no.
        begun_at: when it was stored; None in those of earlier versions, begun as their order was placed.
        asked: the payment method as the customer named it, such as a saved card's id; None in those of
            earlier versions.
    """

    id: str
    method: str
    state: PaymentState = PaymentState.PENDING
    intent_id: str | None = None
    decline_code: str | None = None
    begun_at: datetime | None = None
    asked: str | None = None

    def is_by(self, method: str) -> bool:
        """Say whether it is a try with this method, named by the customer or by the provider's token."""
        return method in (self.asked, self.method)

    def authorised(self, intent_id: str) -> PaymentAttempt:
        return replace(self, state=PaymentState.AUTHORISED, intent_id=intent_id)

    def captured(self, intent_id: str) -> PaymentAttempt:
        return replace(self, state=PaymentState.CAPTURED, intent_id=intent_id)

    def declined(self, code: str) -> PaymentAttempt:
        return replace(self, state=PaymentState.DECLINED, decline_code=code)

    def abandoned(self) -> PaymentAttempt:
        return replace(self, state=PaymentState.ABANDONED)


@dataclass(frozen=True, slots=True)
class Charge:
    """What the provider is asked, the same each time it is asked."""

    attempt_id: str
    order_id: str
    amount: Money
    method: str


@dataclass(frozen=True, slots=True)
class Authorised:
    """The provider holds the money: it is taken once it is captured."""

    intent_id: str


@dataclass(frozen=True, slots=True)
class Voided:
    """What the provider held it holds no longer, and has not taken."""


@dataclass(frozen=True, slots=True)
class Captured:
    """The provider has taken the money."""

    intent_id: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider has taken nothing and will not."""

    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or none that settles it: the money may have been taken."""

    reason: str


Outcome = Authorised | Captured | Declined | Voided | Unknown


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """What the provider tells by itself about an attempt."""

    id: str
    order_id: str
    attempt_id: str
    outcome: Authorised | Captured | Declined | Voided


@dataclass(frozen=True, slots=True)
class Reversal:
    """Money to be given back, or to be kept from being taken, because its order was cancelled.

    It names no card: it is kept for good, and goes to where the money came from.

    Args:
        attempt_id: what the provider was asked it with.
        intent_id: what the provider took, None while that is unknown.
    """

    attempt_id: str
    order_id: str
    amount: Money
    intent_id: str | None

    @classmethod
    def of(cls, charge: Charge, intent_id: str | None) -> Reversal:
        """Return what undoes a charge."""
        return cls(charge.attempt_id, charge.order_id, charge.amount, intent_id)


class Reversed(StrEnum):
    """What became of a reversal."""

    REFUNDED = "refunded"
    VOIDED = "voided"
    NOTHING_TAKEN = "nothing_taken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Repayment:
    """Money of a paid order that the provider is to give back, the same each time it is asked.

    Args:
        refund_id: the idempotency key.
        intent_id: what the provider took.
    """

    refund_id: str
    order_id: str
    intent_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Refunded:
    """The provider has given the money back."""


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """The provider has given nothing back and will not."""

    code: str


RefundOutcome = Refunded | RefundFailed | Unknown


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """What the provider tells by itself about a refund."""

    id: str
    order_id: str
    refund_id: str
    outcome: Refunded | RefundFailed
