"""Routes of guests: who buys without an account, and follows an order later."""

from __future__ import annotations

from fastapi import APIRouter, Response

from shop_chassis.openapi import responses
from shop_chassis.problems import Unprocessable
from shop_identity.api.dependencies import ClientAddress, GuestDesk
from shop_identity.api.errors import ERRORS
from shop_identity.api.granting import granted
from shop_identity.api.schemas import AskForCode, CodeSentView, Follow, ShowCode, TokenView
from shop_identity.domain import errors

router = APIRouter(tags=["guests"])


@router.post("/v1/guests", status_code=202, responses=responses(Unprocessable, errors.Throttled, of=ERRORS))
async def ask_for_code(body: AskForCode, client: ClientAddress, guests: GuestDesk) -> CodeSentView:
    """Have a code mailed that shows whose an e-mail address is."""
    return CodeSentView.of(await guests.ask(body.email, body.profile, client))


@router.post(
    "/v1/guests/verification",
    responses=responses(errors.ProofRefused, errors.Throttled, errors.NoSigningKey, of=ERRORS),
)
async def show_code(
    body: ShowCode, client: ClientAddress, guests: GuestDesk, response: Response
) -> TokenView:
    """Show the code, and be the guest with that address for an hour."""
    grant = await guests.verify(body.verification_id, body.code, client)
    return granted(grant, response, in_cookie=body.cookie)


@router.post(
    "/v1/guests/access",
    responses=responses(errors.ProofRefused, errors.Throttled, errors.NoSigningKey, of=ERRORS),
)
async def follow_link(
    body: Follow, client: ClientAddress, guests: GuestDesk, response: Response
) -> TokenView:
    """Exchange the token of a link in a receipt for an access token of its guest."""
    return granted(await guests.follow(body.token, client), response, in_cookie=False)
