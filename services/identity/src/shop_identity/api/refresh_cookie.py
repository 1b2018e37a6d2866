"""The refresh token of a browser: in a cookie that no script can read and that goes to these routes alone.

``SameSite=Strict`` keeps other sites from having it rotated.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Cookie, Response

COOKIE = "__Secure-refresh"
_PATH = "/v1/auth"

RefreshCookie = Annotated[
    str | None, Cookie(alias=COOKIE, max_length=200, description="Refresh token of browsers")
]


def hand_out(response: Response, token: str) -> None:
    """Give a browser its refresh token, until it is closed."""
    response.set_cookie(COOKIE, token, path=_PATH, secure=True, httponly=True, samesite="strict")


def take_back(response: Response) -> None:
    """Let a browser forget its refresh token."""
    response.delete_cookie(COOKIE, path=_PATH, secure=True, httponly=True, samesite="strict")
