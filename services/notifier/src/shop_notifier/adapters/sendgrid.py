"""Mail through SendGrid's SDK (v3 Mail Send), and the events its webhook tells."""

from __future__ import annotations

import base64
import binascii
import errno
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from shop_notifier.adapters.retry_after import retry_after
from shop_notifier.adapters.threads import Threads
from shop_notifier.domain.errors import ForgedWebhook
from shop_notifier.domain.notifications import News, Status
from shop_notifier.domain.sending import Accepted, Lost, Message, NotTaken, Outcome, Refused

# Below WARNING the client logs addresses and the API key.
logging.getLogger("python_http_client").setLevel(logging.WARNING)

_UNREACHABLE = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH}
_FRESH_SECONDS = 600
_STATUS = {
    "processed": Status.SENT,
    "deferred": Status.SENT,
    "delivered": Status.DELIVERED,
    "bounce": Status.BOUNCED,
    "dropped": Status.FAILED,
}


class SendGrid:
    """Sends mail, one HTTP call each. The SDK's client keeps no state between calls, so threads share it."""

    def __init__(self, api_key: str, base_url: str, sender: str, *, concurrency: int, timeout: float) -> None:
        self._api = SendGridAPIClient(api_key, host=base_url.rstrip("/"))
        self._api.client.timeout = timeout
        self._sender = sender
        self._threads = Threads("sendgrid", concurrency)

    async def send(self, message: Message) -> Outcome:
        """Send a mail; see :class:`shop_notifier.domain.sending.Provider`."""
        return await self._threads.run(lambda: self._send(message))

    def close(self) -> None:
        """Send nothing more."""
        self._threads.close()

    def _send(self, message: Message) -> Outcome:
        try:
            answer = self._api.send(_mail(message, self._sender))
        except HTTPError as error:
            return _refusal(error)
        except (URLError, HTTPException, OSError) as error:
            return _interruption(error)
        return Accepted(answer.headers.get("X-Message-Id"))


def _mail(message: Message, sender: str) -> dict[str, Any]:
    mail: dict[str, Any] = {
        "from": {"email": sender},
        "personalizations": [{"to": [{"email": message.address}], "custom_args": dict(message.tags)}],
        "subject": message.subject,
        "content": [
            {"type": "text/plain", "value": message.text},
            {"type": "text/html", "value": message.html},
        ],
    }
    if message.headers:
        # SendGrid's own tracking would put its List-Unsubscribe in the place of ours.
        mail["headers"] = dict(message.headers)
        mail["tracking_settings"] = {"subscription_tracking": {"enable": False}}
    return mail


def _refusal(error: HTTPError) -> Outcome:
    status = error.status_code
    if status == 429:
        return NotTaken("too_many_requests", retry_after(error.headers))
    if status == 401:
        return NotTaken("credentials")
    return Refused(f"http_{status}") if status < 500 else Lost(f"http_{status}")


def _interruption(error: Exception) -> Outcome:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, socket.gaierror | ssl.SSLCertVerificationError):
        return NotTaken("not_reached")
    if isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
        return NotTaken("not_reached")
    return Lost("timeout" if isinstance(cause, TimeoutError) else "connection_lost")


class _Event(BaseModel):
    """What we read of an event; SendGrid adds our custom arguments at the top level."""

    event: str
    sg_event_id: str = Field(min_length=1, max_length=200)
    sg_message_id: str | None = Field(None, max_length=500)
    notification_id: str | None = Field(None, max_length=100)


_EVENTS = TypeAdapter(list[_Event])


class SendGridWebhook:
    """Reads the Event Webhook, once it is known to come from SendGrid.

    Args:
        public_key: the verification key as SendGrid shows it, base64 of DER.

    Raises:
        ValueError: that is no such key.
    """

    def __init__(self, public_key: str) -> None:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not a key of an elliptic curve")
        self._key = key

    def news(self, body: bytes, signature: str, timestamp: str) -> list[News]:
        """Return what a batch of events says about notifications of ours.

        Args:
            body: as received, at most 1 MiB, unparsed: the signature is over these bytes.
            signature: header X-Twilio-Email-Event-Webhook-Signature.
            timestamp: header X-Twilio-Email-Event-Webhook-Timestamp, Unix seconds.

        Raises:
            ForgedWebhook: the signature does not hold, or was made more than ten minutes ago.
            ValueError: the body is no batch of events.
        """
        self._verify(body, signature, timestamp)
        try:
            return list(_news(_EVENTS.validate_python(orjson.loads(body))))
        except ValidationError as error:
            raise ValueError("not a batch of events") from error

    def _verify(self, body: bytes, signature: str, timestamp: str) -> None:
        try:
            age = abs(time.time() - int(timestamp))
            self._key.verify(
                base64.b64decode(signature, validate=True),
                timestamp.encode() + body,
                ec.ECDSA(hashes.SHA256()),
            )
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise ForgedWebhook from error
        if age > _FRESH_SECONDS:
            raise ForgedWebhook


def _news(events: list[_Event]) -> Iterator[News]:
    for event in events:
        status = _STATUS.get(event.event)
        if status and event.notification_id:
            yield News(f"sendgrid:{event.sg_event_id}", event.notification_id, status, event.sg_message_id)
