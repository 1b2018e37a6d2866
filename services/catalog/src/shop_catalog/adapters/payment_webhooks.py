"""The payment provider's webhook: whether it is genuine, and what it says."""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shop_catalog.domain.errors import ForgedWebhook, MalformedWebhook
from shop_catalog.domain.payments import (
    Authorised,
    Captured,
    Declined,
    PaymentEvent,
    Refunded,
    RefundEvent,
    RefundFailed,
    Voided,
)

FRESH_SECONDS = 300

_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")
_OF_INTEREST = {
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
}
_REFUNDS = {"refund.created", "refund.updated", "refund.failed"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Refusal(_Part):
    code: str = Field("declined", max_length=100)


class _Metadata(_Part):
    order_id: str = Field("", max_length=100)
    attempt_id: str = Field("", max_length=100)


class _Intent(_Part):
    id: str = Field(min_length=1, max_length=200)
    metadata: _Metadata = _Metadata()
    last_payment_error: _Refusal | None = None


class _Data(_Part):
    object: _Intent


class _Kind(_Part):
    type: str = Field(max_length=200)


class _Told(_Kind):
    id: str = Field(min_length=1, max_length=200)
    data: _Data


class _RefundMetadata(_Part):
    order_id: str = Field("", max_length=100)
    refund_id: str = Field("", max_length=100)


class _Refund(_Part):
    status: str = Field(max_length=100)
    metadata: _RefundMetadata = _RefundMetadata()


class _RefundData(_Part):
    object: _Refund


class _ToldOfRefund(_Kind):
    id: str = Field(min_length=1, max_length=200)
    data: _RefundData


class PaymentWebhook:
    """Reads events that are signed as ``t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">``."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def event(self, body: bytes, signature: str) -> PaymentEvent | RefundEvent | None:
        """Return what the provider tells, None when it is of no interest here.

        Args:
            body: exactly what was received.
            signature: the ``Payment-Signature`` header.

        Raises:
            ForgedWebhook: the signature is missing, wrong, or more than five minutes off.
            MalformedWebhook: the body is not an event.
        """
        self._verify(body, signature)
        try:
            kind = _Kind.model_validate_json(body).type
            if kind in _REFUNDS:
                return _refund_event(_ToldOfRefund.model_validate_json(body))
            if kind not in _OF_INTEREST:
                return None
            return _event(_Told.model_validate_json(body))
        except ValidationError as error:
            raise MalformedWebhook("The body is not an event.") from error

    def _verify(self, body: bytes, signature: str) -> None:
        parts = _SIGNATURE.fullmatch(signature)
        if parts is None:
            raise ForgedWebhook("The signature is missing or malformed.")
        signed = f"{parts[1]}.".encode() + body
        expected = hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, parts[2]):
            raise ForgedWebhook("The signature is wrong.")
        if abs(time.time() - int(parts[1])) > FRESH_SECONDS:
            raise ForgedWebhook("The event was signed too long ago.")


def _event(told: _Told) -> PaymentEvent:
    intent = told.data.object
    return PaymentEvent(
        told.id, intent.metadata.order_id, intent.metadata.attempt_id, _outcome(told.type, intent)
    )


def _refund_event(told: _ToldOfRefund) -> RefundEvent | None:
    """Return what is told of a refund; None while it is under way, or if it is none of a paid order."""
    refund = told.data.object
    if not refund.metadata.refund_id or refund.status not in ("succeeded", "failed", "canceled"):
        return None
    outcome = Refunded() if refund.status == "succeeded" else RefundFailed(refund.status)
    return RefundEvent(told.id, refund.metadata.order_id, refund.metadata.refund_id, outcome)


def _outcome(kind: str, intent: _Intent) -> Authorised | Captured | Declined | Voided:
    match kind:
        case "payment_intent.succeeded":
            return Captured(intent.id)
        case "payment_intent.amount_capturable_updated":
            return Authorised(intent.id)
        case "payment_intent.canceled":
            return Voided()
        case _:
            return Declined((intent.last_payment_error or _Refusal()).code)
