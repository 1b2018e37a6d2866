"""SendGrid's v3 Mail Send API and the events its webhook tells."""

import hmac
import secrets
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response

from shop_devstack.sandbox.mail import (
    MAX_BODY,
    Mail,
    MailRefusal,
    MailRefusedError,
    Personalization,
    parse_mail,
)
from shop_devstack.sandbox.messages import SETTLED_AFTER_MS, Content, Message, Messages
from shop_devstack.sandbox.store import Store
from shop_devstack.sandbox.webhooks import Webhook, WebhookSender, pending
from shop_devstack.sandbox.wire import ProviderError, json_response, read_body, unix_ms

PROVIDER = "sendgrid"

_WORDS = {
    401: "The provided authorization grant is invalid, expired, or revoked",
    413: "content too large",
    429: "too many requests",
    500: "internal server error",
    503: "service unavailable",
}


class SendGridError(ProviderError):
    """A refusal in SendGrid's shape: `errors`, each with a message and, where it applies, a field."""

    def __init__(self, status: int, refusals: list[MailRefusal] | None = None) -> None:
        told = refusals or [MailRefusal(_WORDS[status], None)]
        errors = [
            {"message": refusal.message} | ({"field": refusal.field} if refusal.field else {})
            for refusal in told
        ]
        super().__init__(status, {"errors": errors})


class SendGrid:
    """Accepts mails and queues their events.

    Args:
        messages: the record of what was accepted.
        api_key: the key callers must bear.
        webhook_url: where events go; empty: nowhere.
    """

    def __init__(
        self, store: Store, messages: Messages, sender: WebhookSender, api_key: str, webhook_url: str
    ) -> None:
        self._store = store
        self._messages = messages
        self._sender = sender
        self._authorization = f"Bearer {api_key}".encode()
        self._webhook_url = webhook_url

    def routes(self) -> APIRouter:
        """Return the API's routes."""
        router = APIRouter(tags=[PROVIDER])
        router.add_api_route("/v3/mail/send", self.send, methods=["POST"], status_code=202)
        return router

    async def send(self, request: Request) -> Response:
        """Accept a mail: 202 with `X-Message-Id`, or 200 when it only asked to be checked.

        Raises:
            SendGridError: it is refused.
        """
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            raise SendGridError(401)
        raw = await read_body(request, MAX_BODY, SendGridError(413))
        try:
            mail = parse_mail(raw)
        except MailRefusedError as error:
            raise SendGridError(400, error.refusals) from error
        if mail.mail_settings.sandbox_mode.enable:
            return json_response({})
        message_id = secrets.token_urlsafe(16)
        await self._keep(message_id, mail)
        return Response(status_code=202, headers={"X-Message-Id": message_id})

    async def _keep(self, message_id: str, mail: Mail) -> None:
        content = Content(message_id, mail.body("text/plain"), mail.body("text/html"))
        now = unix_ms()
        envelopes = [(f"{message_id}.{index}", each) for index, each in enumerate(mail.personalizations)]
        kept = self._messages.insert(content, [_message(mail, content, now, *each) for each in envelopes])
        events = [hook for each in envelopes for hook in _events(mail, now, self._webhook_url, *each)]
        await self._store.write(*kept, pending(PROVIDER, events if self._webhook_url else []))
        self._sender.wake(PROVIDER)


def outcome_of(email: str) -> str:
    """Return what becomes of mail to an address: those that begin with `bounce` or `dropped` do so."""
    for outcome in ("bounce", "dropped"):
        if email.lower().startswith(outcome):
            return outcome
    return "delivered"


def _message(mail: Mail, content: Content, now: int, envelope_id: str, each: Personalization) -> Message:
    first = each.to[0].email
    details = {
        "recipients": each.recipients,
        "headers": mail.headers | each.headers,
        "custom_args": mail.args(each),
        "categories": mail.categories,
        "reply_to": mail.reply_to.email if mail.reply_to else None,
        "template_id": mail.template_id,
        "template_data": each.dynamic_template_data,
        "attachments": [attachment.filename for attachment in mail.attachments],
    }
    return Message(
        id=envelope_id,
        channel="email",
        content_id=content.id,
        accepted_at=now,
        sender=(each.sender or mail.sender).email,
        recipient=first,
        subject=each.subject or mail.subject or "",
        tags=mail.args(each),
        outcome=outcome_of(first),
        details={name: value for name, value in details.items() if value},
    )


def _events(mail: Mail, now: int, url: str, envelope_id: str, each: Personalization) -> Iterator[Webhook]:
    """Yield what the event webhook will tell of an envelope: two events for each that is not dropped."""
    told = {"category": mail.categories} if mail.categories else {}
    for email in each.recipients:
        outcome = outcome_of(email)
        ending = {"delivered": _DELIVERED, "bounce": _BOUNCE, "dropped": _DROPPED}[outcome]
        steps = [(0, {"event": "processed"})] if outcome != "dropped" else []
        for delay_ms, step in [*steps, (SETTLED_AFTER_MS, ending)]:
            event = {
                **mail.args(each),
                **told,
                "email": email,
                "timestamp": (now + delay_ms) // 1000,
                "smtp-id": f"<{envelope_id}@sandbox.invalid>",
                "sg_event_id": secrets.token_urlsafe(16),
                "sg_message_id": f"{envelope_id}.recvd-sandbox",
                **step,
            }
            yield Webhook(url, now + delay_ms, event)


_DELIVERED = {"event": "delivered", "response": "250 OK"}
_BOUNCE = {
    "event": "bounce",
    "type": "bounce",
    "bounce_classification": "Invalid Address",
    "status": "5.1.1",
    "reason": "550 5.1.1 The email account that you tried to reach does not exist",
}
_DROPPED = {"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"}
