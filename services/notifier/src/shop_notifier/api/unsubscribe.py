"""Unsubscribing with one click (RFC 8058): the link is all that is needed, there is no login."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from shop_chassis.http import Read, Transact
from shop_chassis.openapi import responses
from shop_notifier.api.errors import ERRORS
from shop_notifier.application import subscriptions
from shop_notifier.domain.errors import UnknownLink

_POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "X-Robots-Tag": "noindex, nofollow",
}
_FORM = {
    "type": "object",
    "properties": {"List-Unsubscribe": {"type": "string", "enum": ["One-Click"]}},
}

Token = Annotated[str, Path(min_length=1, max_length=500, description="From the mail's List-Unsubscribe")]

router = APIRouter(
    tags=["unsubscribe"], responses=responses(UnknownLink, of=ERRORS), default_response_class=HTMLResponse
)


@router.get("/v1/unsubscribe/{token}")
async def ask_to_unsubscribe(token: Token, read: Read) -> HTMLResponse:
    """Show a button that unsubscribes; nothing else happens."""
    return HTMLResponse(await read(subscriptions.ask, token), headers=_HEADERS)


@router.post(
    "/v1/unsubscribe/{token}",
    openapi_extra={"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}},
)
async def unsubscribe(token: Token, transact: Transact) -> HTMLResponse:
    """Unsubscribe, whatever the body says: mail programs post ``List-Unsubscribe=One-Click``."""
    return HTMLResponse(await transact(subscriptions.unsubscribe, token), headers=_HEADERS)
