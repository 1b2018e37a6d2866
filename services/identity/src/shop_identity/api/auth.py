"""Routes of logging in, going on and logging out."""

from __future__ import annotations

from fastapi import APIRouter, Response

from shop_chassis.auth import Authenticated
from shop_chassis.http import Transact
from shop_chassis.openapi import responses
from shop_identity.api import refresh_cookie
from shop_identity.api.dependencies import ClientAddress, LoginDesk, RefreshDesk
from shop_identity.api.errors import ERRORS
from shop_identity.api.granting import granted
from shop_identity.api.refresh_cookie import RefreshCookie
from shop_identity.api.schemas import LogIn, LogOut, Refresh, TokenView
from shop_identity.application import families
from shop_identity.domain import errors

router = APIRouter(tags=["auth"])


@router.post(
    "/v1/auth/login",
    responses=responses(
        errors.WrongCredentials, errors.Throttled, errors.HashingBusy, errors.NoSigningKey, of=ERRORS
    ),
)
async def log_in(body: LogIn, client: ClientAddress, logins: LoginDesk, response: Response) -> TokenView:
    """Log in with a password."""
    grant = await logins.log_in(body.email, body.password, client)
    return granted(grant, response, in_cookie=body.cookie)


@router.post("/v1/auth/refresh", responses=responses(errors.RefreshRefused, errors.NoSigningKey, of=ERRORS))
async def refresh(
    body: Refresh, refreshes: RefreshDesk, response: Response, cookie: RefreshCookie = None
) -> TokenView:
    """Exchange a refresh token for new tokens; it is worthless afterwards."""
    grant = await refreshes.refresh(body.refresh_token or cookie or "")
    return granted(grant, response, in_cookie=body.refresh_token is None)


@router.post("/v1/auth/logout", status_code=204)
async def log_out(
    caller: Authenticated,
    transact: Transact,
    response: Response,
    body: LogOut | None = None,
    cookie: RefreshCookie = None,
) -> None:
    """End this login, or all of the user's logins."""
    await transact(families.log_out, caller, body is not None and body.everywhere)
    if cookie:
        refresh_cookie.take_back(response)
