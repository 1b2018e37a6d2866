"""What providers tell us: the signature is checked first, over exactly what was received."""

from __future__ import annotations

from typing import Annotated, Any, cast
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Header, Query, Request
from prometheus_client import Counter

from shop_chassis.http import Read, Transact, Transaction
from shop_chassis.openapi import responses
from shop_chassis.problems import BadRequest
from shop_notifier.adapters.sendgrid import SendGridWebhook
from shop_notifier.adapters.twilio import TwilioWebhook
from shop_notifier.api.errors import ERRORS
from shop_notifier.application import deliveries
from shop_notifier.domain.errors import ForgedWebhook
from shop_notifier.domain.notifications import News

STRANGERS = Counter(
    "notifier_webhook_strangers_total", "Webhook events about no notification of ours", ["provider"]
)

router = APIRouter(tags=["webhooks"], responses=responses(BadRequest, ForgedWebhook, of=ERRORS))


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


async def _from_sendgrid(
    request: Request,
    signature: Annotated[str, Header(alias="X-Twilio-Email-Event-Webhook-Signature")] = "",
    timestamp: Annotated[str, Header(alias="X-Twilio-Email-Event-Webhook-Timestamp")] = "",
) -> list[News]:
    webhook = cast(SendGridWebhook, request.app.state.sendgrid_webhook)
    body = await request.body()
    try:
        return webhook.news(body, signature, timestamp)
    except ValueError as error:
        raise BadRequest("The body is not a batch of events.") from error


async def _from_twilio(
    request: Request,
    notification_id: Annotated[str, Query(max_length=100)] = "",
    signature: Annotated[str, Header(alias="X-Twilio-Signature")] = "",
) -> list[News]:
    webhook = cast(TwilioWebhook, request.app.state.twilio_webhook)
    try:
        text = (await request.body()).decode()
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=200))
    except ValueError as error:
        raise BadRequest("The body is not a form.") from error
    return webhook.news(request.url.query, form, signature, notification_id)


@router.post(
    "/v1/webhooks/sendgrid",
    status_code=204,
    openapi_extra=_body("application/json", {"type": "array", "items": {"type": "object"}}),
)
async def hear_sendgrid(
    news: Annotated[list[News], Depends(_from_sendgrid)], read: Read, transact: Transact
) -> None:
    """Take a signed batch of SendGrid's mail events."""
    await _hear("sendgrid", news, read, transact)


@router.post(
    "/v1/webhooks/twilio",
    status_code=204,
    openapi_extra=_body("application/x-www-form-urlencoded", {"type": "object"}),
)
async def hear_twilio(
    news: Annotated[list[News], Depends(_from_twilio)], read: Read, transact: Transact
) -> None:
    """Take a signed status callback of Twilio."""
    await _hear("twilio", news, read, transact)


async def _hear(provider: str, news: list[News], read: Transaction, transact: Transaction) -> None:
    sifted = await read(deliveries.sift, news)
    STRANGERS.labels(provider).inc(sifted.strangers)
    if sifted.worth_hearing:
        await transact(deliveries.hear, sifted.worth_hearing)
