"""Routes of saved cards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from shop_chassis.auth import Authenticated
from shop_chassis.http import BadIdempotencyKey, IdempotencyKey, Listing, Read, Transact
from shop_chassis.openapi import responses
from shop_chassis.problems import Unprocessable
from shop_identity.api.dependencies import CardCounter
from shop_identity.api.errors import ERRORS
from shop_identity.api.schemas import AddCard, CardView
from shop_identity.application import cards
from shop_identity.domain import errors

router = APIRouter(tags=["payment methods"])

CardId = Annotated[str, Path(max_length=100, description="`card_…`")]


@router.get("/v1/users/me/payment-methods", responses=responses(errors.UnknownUser, of=ERRORS))
async def list_cards(caller: Authenticated, read: Read, response: Response) -> Listing[CardView]:
    """List the caller's saved cards, all on one page."""
    response.headers["Cache-Control"] = "no-store"
    return Listing(items=[CardView.of(card) for card in await read(cards.listed, caller)])


@router.post(
    "/v1/users/me/payment-methods",
    status_code=201,
    responses=responses(
        errors.AccountNeeded,
        errors.UnknownUser,
        errors.CardTaken,
        errors.CardRemoved,
        errors.TooManyCards,
        errors.IdempotencyKeyReused,
        BadIdempotencyKey,
        Unprocessable,
        of=ERRORS,
    ),
)
async def add_card(
    body: AddCard, caller: Authenticated, key: IdempotencyKey, desk: CardCounter, response: Response
) -> CardView:
    """Save a card by the token that the payment provider's own page gave; its number has no place here."""
    response.headers["Cache-Control"] = "no-store"
    return CardView.of(await desk.add(caller, body.card, key))


@router.delete(
    "/v1/users/me/payment-methods/{card_id}",
    status_code=204,
    responses=responses(errors.UnknownCard, errors.UnknownUser, of=ERRORS),
)
async def remove_card(card_id: CardId, caller: Authenticated, transact: Transact) -> None:
    """Forget one of the caller's cards."""
    await transact(cards.remove, caller, card_id)
