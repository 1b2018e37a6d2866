"""What a payment intent is and how it moves: the provider's rules, without HTTP or storage.

What a card does is said by its magic token: see `CARDS`.
"""

import re
import secrets
import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shop_devstack.sandbox.store import Statement
from shop_devstack.sandbox.wire import ProviderError, unix_ms


class Card(NamedTuple):
    """What a payment method token does; `answers` is False for one whose charge is never answered."""

    approved: bool = True
    answers: bool = True
    breaks: bool = False


CARDS: Mapping[str, Card] = {
    "pm_card_visa": Card(),
    "pm_card_mastercard": Card(),
    "pm_card_amex": Card(),
    "pm_card_declined": Card(approved=False),
    "pm_card_timeout": Card(answers=False),
    "pm_card_error": Card(breaks=True),
}

_KEPT = re.compile(r"pm_([a-z]+?)[a-z]{24}")
_SHOWN = {
    "visa": "4242",
    "mastercard": "4444",
    "amex": "8431",
    "declined": "0002",
    "timeout": "0001",
    "error": "0003",
}

_ERRORS = {
    401: ("invalid_request_error", None, "Invalid API Key provided."),
    413: ("invalid_request_error", None, "The request body is too large."),
    429: ("invalid_request_error", "rate_limit", "Too many requests hit the API too quickly."),
    500: ("api_error", None, "An error occurred while processing your request."),
    503: ("api_error", None, "The service is temporarily unavailable."),
}


class PaymentError(ProviderError):
    """A refusal in the provider's shape: `error` with `type`, `code`, `message` and whatever applies."""

    def __init__(self, status: int, kind: str, code: str | None, message: str, **more: object) -> None:
        error = {"type": kind, "code": code, "message": message, **more}
        super().__init__(status, {"error": {name: value for name, value in error.items() if value}})


def plain_error(status: int) -> PaymentError:
    """Return the provider's way of saying 401, 413, 429, 500 or 503."""
    return PaymentError(status, *_ERRORS[status])


def invalid(code: str, message: str, status: int = 400, **more: object) -> PaymentError:
    """Return a refusal of what was asked."""
    return PaymentError(status, "invalid_request_error", code, message, **more)


_Key = Annotated[str, StringConstraints(max_length=40)]
_Value = Annotated[str, StringConstraints(max_length=500)]
Metadata = Annotated[dict[_Key, _Value], Field(max_length=50)]
Amount = Annotated[int, Field(ge=1, le=99_999_999)]


class Body(BaseModel):
    """A request body: JSON, strictly typed, nothing unknown in it."""

    model_config = ConfigDict(strict=True, extra="forbid")


class CardToken(Body):
    """Which test card is meant, such as ``tok_visa``."""

    token: Annotated[str, StringConstraints(pattern="^tok_[a-z]+$", max_length=40)]


class NewPaymentMethod(Body):
    """A card to be kept."""

    type: Literal["card"]
    card: CardToken


class NewIntent(Body):
    """A charge to be made at once, or to be captured later. Amounts are minor units."""

    amount: Amount
    currency: Annotated[str, StringConstraints(pattern="^[A-Za-z]{3}$", to_lower=True)]
    payment_method: str
    capture_method: Literal["automatic", "manual"] = "automatic"
    confirm: Literal[True] = True
    description: Annotated[str, StringConstraints(max_length=1000)] | None = None
    metadata: Metadata = {}


class Capture(Body):
    """How much of an authorised amount to take; all of it when nothing is said."""

    amount_to_capture: Amount | None = None


class Cancellation(Body):
    """Why an intent is given up."""

    cancellation_reason: str | None = None


class NewRefund(Body):
    """How much to give back of a charge; what is left of it when nothing is said."""

    payment_intent: str
    amount: Amount | None = None
    reason: str | None = None
    metadata: Metadata = {}


class Outcome(NamedTuple):
    """What a request led to: the answer, what to keep, which events to tell (type, object).

    `answered` is False when the caller shall not hear of it.
    """

    status: int
    document: dict[str, Any]
    kept: tuple[Statement, ...]
    events: tuple[tuple[str, dict[str, Any]], ...]
    answered: bool = True


_Asked = TypeVar("_Asked", bound=Body)


def parse(model: type[_Asked], raw: bytes) -> _Asked:
    """Read a body; none at all is an empty one.

    Raises:
        PaymentError: it does not fit; `param` says where.
    """
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"])
        code = "parameter_missing" if first["type"] == "missing" else "parameter_invalid"
        raise invalid(code, f"{param or 'body'}: {first['msg']}", param=param) from error


def card_of(token: str) -> Card | None:
    """Return what a payment method does: a shared one of `CARDS`, or one that `keep` made of it."""
    kept = _KEPT.fullmatch(token)
    return CARDS.get(f"pm_card_{kept[1]}" if kept else token)


def keep(asked: NewPaymentMethod) -> dict[str, Any]:
    """Return a payment method that nobody else has; its id says what it is, so that nothing is stored.

    Raises:
        PaymentError: there is no such test card.
    """
    name = asked.card.token.removeprefix("tok_")
    if name not in _SHOWN:
        raise invalid("resource_missing", f"No such token: '{asked.card.token}'", param="card[token]")
    own = "".join(secrets.choice(string.ascii_lowercase) for _ in range(24))
    return {
        "id": f"pm_{name}{own}",
        "object": "payment_method",
        "type": "card",
        "card": {
            "brand": name if name in ("mastercard", "amex") else "visa",
            "last4": _SHOWN[name],
            "exp_month": 12,
            "exp_year": 2040,
        },
        "created": unix_ms() // 1000,
        "livemode": False,
    }


def charge(asked: NewIntent) -> Outcome:
    """Charge or authorise a card.

    Raises:
        PaymentError: the card is unknown, or one that breaks; nothing is kept then.
    """
    card = card_of(asked.payment_method)
    if card is None:
        missing = f"No such PaymentMethod: '{asked.payment_method}'"
        raise invalid("resource_missing", missing, param="payment_method")
    if card.breaks:
        raise plain_error(500)
    intent = _new_intent(asked, card.approved)
    kept = (_insert(intent),)
    if not card.approved:
        return Outcome(402, _decline(intent), kept, (("payment_intent.payment_failed", intent),))
    kind = "succeeded" if intent["status"] == "succeeded" else "amount_capturable_updated"
    return Outcome(200, intent, kept, ((f"payment_intent.{kind}", intent),), card.answers)


def capture(intent: dict[str, Any], asked: Capture) -> Outcome:
    """Take an authorised amount; what is not taken is released.

    Raises:
        PaymentError: nothing is authorised, or less than asked.
    """
    _expect(intent, {"requires_capture"}, "captured")
    amount = asked.amount_to_capture or intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        raise invalid("amount_too_large", "The amount to capture exceeds the authorised amount.")
    captured = intent | {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    return Outcome(200, captured, (_update(captured),), (("payment_intent.succeeded", captured),))


def cancel(intent: dict[str, Any], asked: Cancellation) -> Outcome:
    """Give up an intent.

    Raises:
        PaymentError: it was captured or cancelled before.
    """
    _expect(intent, {"requires_capture", "requires_payment_method"}, "canceled")
    cancelled = intent | {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": unix_ms() // 1000,
        "cancellation_reason": asked.cancellation_reason,
    }
    return Outcome(200, cancelled, (_update(cancelled),), (("payment_intent.canceled", cancelled),))


def refund(intent: dict[str, Any], asked: NewRefund) -> Outcome:
    """Give back all or part of a charge.

    Raises:
        PaymentError: nothing was charged, or less is left than asked.
    """
    _expect(intent, {"succeeded"}, "refunded")
    left = intent["amount_received"] - intent["amount_refunded"]
    amount = asked.amount or left
    if left == 0:
        raise invalid("charge_already_refunded", "The charge has already been refunded.")
    if amount > left:
        raise invalid("amount_too_large", "The refund exceeds what is left of the charge.")
    given = _new_refund(intent, asked, amount)
    refunded = intent | {"amount_refunded": intent["amount_refunded"] + amount}
    insert = Statement(
        "INSERT INTO refunds VALUES (?, ?, ?)", [(given["id"], intent["id"], orjson.dumps(given).decode())]
    )
    return Outcome(200, given, (_update(refunded), insert), (("refund.created", given),))


def new_id(prefix: str) -> str:
    """Return a fresh id such as `pi_…`."""
    return f"{prefix}_{secrets.token_hex(12)}"


def _new_intent(asked: NewIntent, approved: bool) -> dict[str, Any]:
    manual = asked.capture_method == "manual"
    status = ("requires_capture" if manual else "succeeded") if approved else "requires_payment_method"
    return {
        "id": new_id("pi"),
        "object": "payment_intent",
        "amount": asked.amount,
        "amount_capturable": asked.amount if status == "requires_capture" else 0,
        "amount_received": asked.amount if status == "succeeded" else 0,
        "amount_refunded": 0,
        "currency": asked.currency,
        "status": status,
        "capture_method": asked.capture_method,
        "payment_method": asked.payment_method,
        "description": asked.description,
        "metadata": asked.metadata,
        "created": unix_ms() // 1000,
        "canceled_at": None,
        "cancellation_reason": None,
        "last_payment_error": None if approved else _card_declined(),
        "livemode": False,
    }


def _new_refund(intent: dict[str, Any], asked: NewRefund, amount: int) -> dict[str, Any]:
    return {
        "id": new_id("re"),
        "object": "refund",
        "payment_intent": intent["id"],
        "amount": amount,
        "currency": intent["currency"],
        "status": "succeeded",
        "reason": asked.reason,
        "metadata": intent["metadata"] | asked.metadata,
        "created": unix_ms() // 1000,
    }


def _card_declined() -> dict[str, str]:
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "generic_decline",
        "message": "Your card was declined.",
    }


def _decline(intent: dict[str, Any]) -> dict[str, Any]:
    return {"error": _card_declined() | {"payment_intent": intent}}


def _expect(intent: dict[str, Any], statuses: set[str], done: str) -> None:
    if intent["status"] not in statuses:
        message = f"This PaymentIntent cannot be {done} because it has a status of {intent['status']}."
        raise invalid("payment_intent_unexpected_state", message, payment_intent=intent)


def _insert(intent: dict[str, Any]) -> Statement:
    metadata = intent["metadata"]
    row = (
        intent["id"],
        unix_ms(),
        metadata.get("order_id"),
        metadata.get("attempt_id"),
        intent["status"],
        orjson.dumps(intent).decode(),
    )
    return Statement("INSERT INTO payment_intents VALUES (?, ?, ?, ?, ?, ?)", [row])


def _update(intent: dict[str, Any]) -> Statement:
    row = (intent["status"], orjson.dumps(intent).decode(), intent["id"])
    return Statement("UPDATE payment_intents SET status = ?, document = ? WHERE id = ?", [row])
