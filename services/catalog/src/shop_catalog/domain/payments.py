"""Paying for an order: the attempt that is stored before the provider is asked, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from shop_events.contracts import Money


class PaymentState(StrEnum):
    """What is known of an attempt."""

    PENDING = "pending"
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
    """

    id: str
    method: str
    state: PaymentState = PaymentState.PENDING
    intent_id: str | None = None
    decline_code: str | None = None

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


Outcome = Captured | Declined | Unknown


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """What the provider tells by itself about an attempt."""

    id: str
    order_id: str
    attempt_id: str
    outcome: Captured | Declined


@dataclass(frozen=True, slots=True)
class Reversal:
    """Money to be given back, or to be kept from being taken, because its order was cancelled.

    Args:
        charge: what the provider was asked.
        intent_id: what the provider took, None while that is unknown.
    """

    charge: Charge
    intent_id: str | None


class Reversed(StrEnum):
    """What became of a reversal."""

    REFUNDED = "refunded"
    NOTHING_TAKEN = "nothing_taken"
    UNKNOWN = "unknown"
