"""How tokens are handed out: in a body that nobody keeps, the refresh token of a browser in its cookie."""

from __future__ import annotations

from fastapi import Response

from shop_identity.api import refresh_cookie
from shop_identity.api.schemas import TokenView
from shop_identity.application.tokens import Grant


def granted(grant: Grant, response: Response, *, in_cookie: bool) -> TokenView:
    """Return the body of an answer that grants tokens, and set its headers."""
    response.headers["Cache-Control"] = "no-store"  # RFC 6749, section 5.1
    if in_cookie and grant.refresh_token:
        refresh_cookie.hand_out(response, grant.refresh_token)
    return TokenView.of(grant, with_refresh_token=not in_cookie)
