"""What the payment provider tells: the signature is checked first, over exactly what was received."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Request

from shop_catalog.adapters.payment_webhooks import PaymentWebhook
from shop_catalog.api.errors import ERRORS
from shop_catalog.application import payments, refunds
from shop_catalog.domain.errors import ForgedWebhook, MalformedWebhook
from shop_catalog.domain.payments import PaymentEvent, RefundEvent
from shop_chassis.http import Transact
from shop_chassis.openapi import responses

router = APIRouter(tags=["payments"])

_BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


async def _event(
    request: Request, signature: Annotated[str, Header(alias="Payment-Signature", max_length=200)] = ""
) -> PaymentEvent | RefundEvent | None:
    webhook = cast(PaymentWebhook, request.app.state.payment_webhook)
    return webhook.event(await request.body(), signature)


@router.post(
    "/v1/payments/webhooks",
    status_code=204,
    responses=responses(MalformedWebhook, ForgedWebhook, of=ERRORS),
    openapi_extra={"requestBody": _BODY},
)
async def hear_payments(
    event: Annotated[PaymentEvent | RefundEvent | None, Depends(_event)], transact: Transact
) -> None:
    """Take a signed event of the payment provider."""
    match event:
        case PaymentEvent():
            await transact(payments.hear, event)
        case RefundEvent():
            await transact(refunds.hear, event)
