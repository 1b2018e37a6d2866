"""The card payment provider over HTTP: payment intents and refunds, idempotent by the attempt's id."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from shop_catalog.domain.payments import (
    Authorised,
    Captured,
    Charge,
    Declined,
    Outcome,
    Refunded,
    RefundFailed,
    RefundOutcome,
    Repayment,
    Reversal,
    Reversed,
    Unknown,
    Voided,
)

log = logging.getLogger(__name__)

_REFUSED = {400, 422}
_TAKEN = {"succeeded", "requires_capture"}
_ABOUT_THE_REQUEST = {"card_error", "invalid_request_error"}
_NOT_REFUNDED = {"failed", "canceled"}
_MOST_REFUNDS = 100
"""Of one order: as many as the domain allows, and as a page of the provider holds."""
_LARGEST_ANSWER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered: status and JSON object, which is empty when it was none."""

    status: int
    document: Mapping[str, Any]

    @property
    def error(self) -> Mapping[str, Any]:
        """The provider's ``error`` object."""
        found = self.document.get("error")
        return found if isinstance(found, dict) else {}


class NoAnswer(Exception):
    """The provider did not answer in time, or the connection broke."""


def open_session(api_key: str, timeout_seconds: float) -> aiohttp.ClientSession:
    """Return the HTTP session for :class:`PaymentClient`; needs a running loop and is to be closed.

    Args:
        api_key: the bearer key.
        timeout_seconds: longest time of one call, connecting included.
    """
    return aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {api_key}"},
        timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=min(2.0, timeout_seconds)),
        connector=aiohttp.TCPConnector(limit=64),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class PaymentClient:
    """Takes money and gives it back; see :class:`shop_catalog.application.checkout.PaymentProvider`."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, capture: str = "automatic") -> None:
        self._session = session
        self._capture = capture
        self._base_url = base_url.rstrip("/")

    async def charge(self, charge: Charge) -> Outcome:
        """Take or hold the money. A decline is 402; what the provider cannot read it does not charge."""
        asked = {
            "amount": charge.amount.amount,
            "currency": charge.amount.currency.lower(),
            "payment_method": charge.method,
            "capture_method": self._capture,
            "metadata": {"order_id": charge.order_id, "attempt_id": charge.attempt_id},
        }
        try:
            answer = await self._call("POST", "/v1/payment_intents", asked, charge.attempt_id)
        except NoAnswer as error:
            return Unknown(str(error))
        outcome = _outcome(answer)
        if isinstance(outcome, Unknown):
            log.warning("payment is not settled", extra={"order_id": charge.order_id, "why": outcome.reason})
        return outcome

    async def capture(self, charge: Charge, intent_id: str) -> Outcome:
        """Take what is held; what was taken before counts, and what is held no longer is Voided."""
        key = f"capture-{charge.attempt_id}"
        try:
            answer = await self._call("POST", f"/v1/payment_intents/{intent_id}/capture", {}, key)
        except NoAnswer as error:
            return Unknown(str(error))
        intent = answer.document if answer.status == 200 else answer.error.get("payment_intent", {})
        if intent.get("status") == "succeeded":
            return Captured(intent_id)
        return Voided() if intent.get("status") == "canceled" else Unknown(f"status {answer.status}")

    async def reverse(self, reversal: Reversal) -> Reversed:
        """Refund what an attempt took, void what it holds; it is looked for by our own id of the attempt."""
        try:
            intent = await self._find(reversal)
            if intent is None or intent.get("status") not in _TAKEN:
                return Reversed.NOTHING_TAKEN
            if intent["status"] == "requires_capture":
                return await self._void(str(intent["id"]), reversal.attempt_id)
            return await self._refund(str(intent["id"]), reversal.attempt_id)
        except NoAnswer as error:
            log.warning("refund is not settled", extra={"order_id": reversal.order_id, "why": str(error)})
            return Reversed.UNKNOWN

    async def refund(self, repayment: Repayment) -> RefundOutcome:
        """Give back some of what was captured; it is looked for first, for keys are forgotten after a day."""
        asked = {
            "payment_intent": repayment.intent_id,
            "amount": repayment.amount.amount,
            "metadata": {"refund_id": repayment.refund_id, "order_id": repayment.order_id},
        }
        try:
            found = await self._find_refund(repayment)
            if found is not None:
                return _refund_outcome(Answer(200, found))
            return _refund_outcome(await self._call("POST", "/v1/refunds", asked, repayment.refund_id))
        except NoAnswer as error:
            log.warning("refund is not settled", extra={"order_id": repayment.order_id, "why": str(error)})
            return Unknown(str(error))

    async def _find_refund(self, repayment: Repayment) -> Mapping[str, Any] | None:
        query = f"payment_intent={repayment.intent_id}&limit={_MOST_REFUNDS}"
        answer = await self._call("GET", f"/v1/refunds?{query}")
        listed = answer.document.get("data")
        if answer.status != 200 or not isinstance(listed, list):
            raise NoAnswer(f"status {answer.status}")
        ours = (each for each in listed if each.get("metadata", {}).get("refund_id") == repayment.refund_id)
        return next(ours, None)

    async def _find(self, reversal: Reversal) -> Mapping[str, Any] | None:
        """Return the intent that took or holds an attempt's money, None when none does."""
        attempt_id = reversal.attempt_id
        answer = await self._call("GET", f"/v1/payment_intents?metadata[attempt_id]={attempt_id}")
        listed = answer.document.get("data")
        if answer.status != 200 or not isinstance(listed, list):
            raise NoAnswer(f"status {answer.status}")
        return next((each for each in listed if each.get("status") in _TAKEN), None)

    async def _void(self, intent_id: str, attempt_id: str) -> Reversed:
        answer = await self._call(
            "POST", f"/v1/payment_intents/{intent_id}/cancel", {}, f"cancel-{attempt_id}"
        )
        if answer.status == 200:
            return Reversed.VOIDED
        raise NoAnswer(f"status {answer.status}")  # it was captured meanwhile, perhaps: look again

    async def _refund(self, intent_id: str, attempt_id: str) -> Reversed:
        answer = await self._call("POST", "/v1/refunds", {"payment_intent": intent_id}, f"void-{attempt_id}")
        if answer.status == 200 or answer.error.get("code") == "charge_already_refunded":
            return Reversed.REFUNDED
        raise NoAnswer(f"status {answer.status}")

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        try:
            async with self._session.request(
                method, self._base_url + path, json=body, headers=headers, allow_redirects=False
            ) as response:
                return Answer(response.status, await _json_object(response))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from error


def _outcome(answer: Answer) -> Outcome:
    status, intent_id = answer.document.get("status"), answer.document.get("id")
    if answer.status == 200 and status == "succeeded" and isinstance(intent_id, str):
        return Captured(intent_id)
    if answer.status == 200 and status == "requires_capture" and isinstance(intent_id, str):
        return Authorised(intent_id)
    code = str(answer.error.get("code") or "refused")[:100]
    if answer.status == 402:
        return Declined(code)
    if answer.status in _REFUSED and answer.error.get("type") in _ABOUT_THE_REQUEST:
        return Declined(code)
    return Unknown(f"status {answer.status}")


def _refund_outcome(answer: Answer) -> RefundOutcome:
    status = answer.document.get("status")
    if answer.status == 200 and status == "succeeded":
        return Refunded()
    if answer.status == 200 and status in _NOT_REFUNDED:
        return RefundFailed(str(status))
    if answer.status in _REFUSED and answer.error.get("type") in _ABOUT_THE_REQUEST:
        return RefundFailed(str(answer.error.get("code") or "refused")[:100])
    return Unknown(f"status {answer.status}")


async def _json_object(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """Return the JSON object of an answer, nothing when it is no such thing.

    Raises:
        ValueError: it is too long, or announced as JSON and none.
    """
    if response.content_type != "application/json":
        return {}
    if (response.content_length or 0) > _LARGEST_ANSWER:
        raise ValueError("the answer is too long")
    document = await response.json()
    return document if isinstance(document, dict) else {}
