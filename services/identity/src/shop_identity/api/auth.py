"""Routes of logging in, going on and logging out."""

from __future__ import annotations

from fastapi import APIRouter, Response

from shop_chassis.auth import Authenticated
from shop_chassis.http import Transact
from shop_chassis.openapi import responses
from shop_identity.api.dependencies import ClientAddress, LoginDesk, RefreshDesk
from shop_identity.api.errors import ERRORS
from shop_identity.api.schemas import LogIn, LogOut, Refresh, TokenView
from shop_identity.application import families
from shop_identity.application.tokens import Grant
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
    return _granted(await logins.log_in(body.email, body.password, client), response)


@router.post("/v1/auth/refresh", responses=responses(errors.RefreshRefused, errors.NoSigningKey, of=ERRORS))
async def refresh(body: Refresh, refreshes: RefreshDesk, response: Response) -> TokenView:
    """Exchange a refresh token for new tokens; it is worthless afterwards."""
    return _granted(await refreshes.refresh(body.refresh_token), response)


@router.post("/v1/auth/logout", status_code=204)
async def log_out(caller: Authenticated, transact: Transact, body: LogOut | None = None) -> None:
    """End this login, or all of the user's logins."""
    await transact(families.log_out, caller, body is not None and body.everywhere)


def _granted(grant: Grant, response: Response) -> TokenView:
    response.headers["Cache-Control"] = "no-store"  # RFC 6749, section 5.1
    return TokenView.of(grant)
