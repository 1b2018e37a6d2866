"""Twilio's 2010-04-01 Messages API and its status callbacks.

The magic numbers of Twilio's test credentials are honoured. A number that begins with +1500555001, which
Twilio leaves free, is accepted and then not reached.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from fastapi import APIRouter, Request, Response

from shop_devstack.sandbox.messages import SENT_AFTER_MS, SETTLED_AFTER_MS, Content, Message, Messages
from shop_devstack.sandbox.settings import SandboxSettings
from shop_devstack.sandbox.store import Store
from shop_devstack.sandbox.webhooks import Webhook, WebhookSender, pending
from shop_devstack.sandbox.wire import ProviderError, json_response, read_body, unix_ms

PROVIDER = "twilio"
VERSION = "2010-04-01"

_MAX_FORM = 256 * 1024
_MAX_BODY = 1600
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", re.ASCII)
_CHANNEL = re.compile(r"(?:(whatsapp|messenger):)?(.*)", re.DOTALL)
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_TEMPLATE = re.compile(r"HX[0-9a-fA-F]{32}")
_REFUSED_TO = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: +15005550001"),
    "+15005550002": (21612, "The 'To' phone number is not currently reachable via SMS"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
_REFUSED_FROM = {
    "+15005550001": (21212, "Invalid From Number (caller ID): +15005550001"),
    "+15005550007": (21606, "The From phone number is not a valid message-capable Twilio phone number"),
    "+15005550008": (21611, "This From number has exceeded the maximum number of queued messages"),
}
_UNREACHABLE = "+1500555001"
_UNAVAILABLE = {
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service Unavailable"),
}


class TwilioError(ProviderError):
    """A refusal in Twilio's shape: `code`, `message`, `more_info`, `status`."""

    def __init__(self, status: int, code: int, message: str) -> None:
        more = f"https://www.twilio.com/docs/errors/{code}"
        super().__init__(status, {"code": code, "message": message, "more_info": more, "status": status})


def unavailable(status: int) -> TwilioError:
    """Return Twilio's way of saying 429, 500 or 503."""
    return TwilioError(status, *_UNAVAILABLE[status])


class Twilio:
    """Accepts messages, shows them and queues their status callbacks."""

    def __init__(
        self, store: Store, messages: Messages, sender: WebhookSender, settings: SandboxSettings
    ) -> None:
        self._store = store
        self._messages = messages
        self._sender = sender
        self._account = settings.twilio_account_sid
        pair = f"{self._account}:{settings.twilio_auth_token}".encode()
        self._authorization = b"Basic " + base64.b64encode(pair)

    def routes(self) -> APIRouter:
        """Return the API's routes."""
        router = APIRouter(prefix=f"/{VERSION}/Accounts/{{account}}", tags=[PROVIDER])
        router.add_api_route("/Messages.json", self.create, methods=["POST"], status_code=201)
        router.add_api_route("/Messages/{sid}.json", self.fetch, methods=["GET"])
        return router

    async def create(self, account: str, request: Request) -> Response:
        """Accept a message: 201 with its resource, status `queued`.

        Raises:
            TwilioError: it is refused.
        """
        self._admit(account, request)
        raw = await read_body(request, _MAX_FORM, TwilioError(413, 20413, "Request entity too large"))
        form = parse_qs(raw.decode(errors="replace"), max_num_fields=200)
        check(form)
        message = _message(form, unix_ms())
        content = Content(message.content_id, _one(form, "Body") or _template_text(form))
        callbacks = list(self._callbacks(message, _one(form, "StatusCallback")))
        kept = self._messages.insert(content, [message])
        await self._store.write(*kept, pending(PROVIDER, callbacks))
        self._sender.wake(PROVIDER)
        return json_response(self._resource(message, content.text, "queued"), 201)

    async def fetch(self, account: str, sid: str, request: Request) -> Response:
        """Return a message as it stands now.

        Raises:
            TwilioError: there is none (20404).
        """
        self._admit(account, request)
        found = await self._messages.one(sid)
        if found is None or found["channel"] == "email":
            raise self._not_found(request)
        message = Message(
            id=found["id"],
            channel=found["channel"],
            content_id=found["id"],
            accepted_at=found["accepted_at"],
            sender=found["sender"],
            recipient=found["recipient"],
            tags={},
            details=found["details"],
        )
        return json_response(self._resource(message, found["text"], found["status"]))

    def _admit(self, account: str, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            raise TwilioError(401, 20003, "Authenticate")
        if account != self._account:
            raise self._not_found(request)

    @staticmethod
    def _not_found(request: Request) -> TwilioError:
        return TwilioError(404, 20404, f"The requested resource {request.url.path} was not found")

    def _resource(self, message: Message, text: str, status: str) -> dict[str, Any]:
        details = message.details
        uri = f"/{VERSION}/Accounts/{self._account}/Messages/{message.id}"
        created = _rfc2822(message.accepted_at)
        failed = status in ("undelivered", "failed")
        return {
            "account_sid": self._account,
            "api_version": VERSION,
            "body": text,
            "date_created": created,
            "date_sent": None if status == "queued" else _rfc2822(message.accepted_at + SENT_AFTER_MS),
            "date_updated": created,
            "direction": "outbound-api",
            "error_code": 30003 if failed else None,
            "error_message": "Unreachable destination handset" if failed else None,
            "from": message.sender or None,
            "messaging_service_sid": details.get("messaging_service_sid"),
            "num_media": str(len(details.get("media", []))),
            "num_segments": "0" if details.get("messaging_service_sid") else _segments(text),
            "price": None,
            "price_unit": None,
            "sid": message.id,
            "status": status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.recipient,
            "uri": f"{uri}.json",
        }

    def _callbacks(self, message: Message, url: str) -> Iterator[Webhook]:
        if not url:
            return
        steps = [("queued", 0), ("sent", SENT_AFTER_MS), (message.outcome, SETTLED_AFTER_MS)]
        for status, delay_ms in steps:
            fields = {
                "AccountSid": self._account,
                "ApiVersion": VERSION,
                "From": message.sender,
                "MessageSid": message.id,
                "MessageStatus": status,
                "SmsSid": message.id,
                "SmsStatus": status,
                "To": message.recipient,
            }
            if status == "undelivered":
                fields["ErrorCode"] = "30003"
            if service := message.details.get("messaging_service_sid"):
                fields["MessagingServiceSid"] = service
            yield Webhook(url, message.accepted_at + delay_ms, fields)


Form = Mapping[str, Sequence[str]]


def check(form: Form) -> None:
    """Refuse what Twilio refuses.

    Raises:
        TwilioError: with the code of the first fault.
    """
    _check_recipient(_one(form, "To"))
    _check_sender(form)
    _check_content(form)
    callback = _one(form, "StatusCallback")
    if callback and not _is_url(callback):
        raise TwilioError(400, 21609, f"The StatusCallback URL {callback} is not a valid URL.")


def _check_recipient(to: str) -> None:
    if not to:
        raise TwilioError(400, 21604, "A 'To' phone number is required.")
    _, number = _address(to)
    if not _E164.fullmatch(number):
        raise TwilioError(400, 21211, f"Invalid 'To' Phone Number: {to}")
    if number in _REFUSED_TO:
        raise TwilioError(400, *_REFUSED_TO[number])


def _check_sender(form: Form) -> None:
    sender, service = _one(form, "From"), _one(form, "MessagingServiceSid")
    if not sender and not service:
        raise TwilioError(400, 21603, "A 'From' phone number is required.")
    if service and not _SERVICE.fullmatch(service):
        raise TwilioError(400, 21701, "The Messaging Service does not exist.")
    if not sender:
        return
    channel, number = _address(sender)
    if channel != _address(_one(form, "To"))[0]:
        raise TwilioError(400, 21910, "Invalid From and To pair. From and To should be of the same channel")
    if number in _REFUSED_FROM:
        raise TwilioError(400, *_REFUSED_FROM[number])
    if not (_E164.fullmatch(number) or (channel == "sms" and _is_sender_id(number))):
        raise TwilioError(400, 21212, f"Invalid From Number (caller ID): {sender}")


def _check_content(form: Form) -> None:
    body, media, template = _one(form, "Body"), form.get("MediaUrl", []), _one(form, "ContentSid")
    if not body and not media and not template:
        raise TwilioError(400, 21602, "Message body is required.")
    if len(body) > _MAX_BODY:
        raise TwilioError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if template and not _TEMPLATE.fullmatch(template):
        raise TwilioError(400, 21655, "The ContentSid is invalid.")
    if len(media) > 10:
        raise TwilioError(400, 21623, "Number of media files exceeds allowed limit.")
    if bad := [url for url in media if not _is_url(url)]:
        raise TwilioError(400, 21620, f"Invalid media URL(s): {', '.join(bad)}")


def _is_sender_id(text: str) -> bool:
    short_code = text.isascii() and text.isdecimal() and 3 <= len(text) <= 8
    return short_code or _ALPHANUMERIC.fullmatch(text) is not None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _address(text: str) -> tuple[str, str]:
    found = _CHANNEL.fullmatch(text)
    assert found
    return found[1] or "sms", found[2]


def _one(form: Form, name: str) -> str:
    return form.get(name, [""])[-1]


def _template_text(form: Form) -> str:
    return f"{_one(form, 'ContentSid')} {_one(form, 'ContentVariables')}".strip()


def _message(form: Form, now: int) -> Message:
    to, media = _one(form, "To"), list(form.get("MediaUrl", []))
    channel, number = _address(to)
    sid = ("MM" if media else "SM") + secrets.token_hex(16)
    callback = _one(form, "StatusCallback")
    details = {
        "messaging_service_sid": _one(form, "MessagingServiceSid"),
        "content_sid": _one(form, "ContentSid"),
        "media": media,
        "status_callback": callback,
    }
    return Message(
        id=sid,
        channel=channel,
        content_id=sid,
        accepted_at=now,
        sender=_one(form, "From"),
        recipient=to,
        tags=dict(parse_qsl(urlsplit(callback).query)),
        outcome="undelivered" if number.startswith(_UNREACHABLE) else "delivered",
        details={name: value for name, value in details.items() if value},
    )


def _segments(text: str) -> str:
    """Return the number of SMS segments: 160 or 153 characters, 70 or 67 once one is not ASCII."""
    alone, joined = (160, 153) if text.isascii() else (70, 67)
    return "1" if len(text) <= alone else str(-(-len(text) // joined))


def _rfc2822(at_ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC))
