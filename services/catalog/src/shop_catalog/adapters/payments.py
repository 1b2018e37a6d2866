"""The card payment provider over HTTP: payment intents and refunds, idempotent by the attempt's id."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from shop_catalog.domain.payments import (
    Captured,
    Charge,
    Declined,
    Outcome,
    Reversal,
    Reversed,
    Unknown,
)

log = logging.getLogger(__name__)

_REFUSED = {400, 422}
_ABOUT_THE_REQUEST = {"card_error", "invalid_request_error"}
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

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")

    async def charge(self, charge: Charge) -> Outcome:
        """Take the money. A decline is 402; what the provider cannot read it does not charge either."""
        asked = {
            "amount": charge.amount.amount,
            "currency": charge.amount.currency.lower(),
            "payment_method": charge.method,
            "capture_method": "automatic",
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

    async def reverse(self, reversal: Reversal) -> Reversed:
        """Refund what an attempt took; without the provider's id it is looked for by our own."""
        try:
            intent_id = reversal.intent_id or await self._find(reversal.charge.attempt_id)
            if intent_id is None:
                return Reversed.NOTHING_TAKEN
            return await self._refund(intent_id, reversal.charge.attempt_id)
        except NoAnswer as error:
            log.warning(
                "refund is not settled", extra={"order_id": reversal.charge.order_id, "why": str(error)}
            )
            return Reversed.UNKNOWN

    async def _find(self, attempt_id: str) -> str | None:
        """Return the provider's id of what an attempt took, None when it took nothing."""
        answer = await self._call("GET", f"/v1/payment_intents?metadata[attempt_id]={attempt_id}")
        listed = answer.document.get("data")
        if answer.status != 200 or not isinstance(listed, list):
            raise NoAnswer(f"status {answer.status}")
        return next((str(each["id"]) for each in listed if each.get("status") == "succeeded"), None)

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
    code = str(answer.error.get("code") or "refused")[:100]
    if answer.status == 402:
        return Declined(code)
    if answer.status in _REFUSED and answer.error.get("type") in _ABOUT_THE_REQUEST:
        return Declined(code)
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
