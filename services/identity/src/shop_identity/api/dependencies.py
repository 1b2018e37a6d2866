"""What routes find in the application's state, and where a request comes from."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Header, Request

from shop_identity.application.cards import CardDesk
from shop_identity.application.families import Refreshes
from shop_identity.application.guests import Guests
from shop_identity.application.logins import Logins
from shop_identity.application.registrations import Registrations


async def _client_address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


async def _logins(request: Request) -> Logins:
    return cast(Logins, request.app.state.logins)


async def _refreshes(request: Request) -> Refreshes:
    return cast(Refreshes, request.app.state.refreshes)


async def _guests(request: Request) -> Guests:
    return cast(Guests, request.app.state.guests)


async def _cards(request: Request) -> CardDesk:
    return cast(CardDesk, request.app.state.cards)


async def _registrations(request: Request) -> Registrations:
    return cast(Registrations, request.app.state.registrations)


ClientAddress = Annotated[str, Depends(_client_address)]
"""The client's network address; trusted proxies have been looked through."""

CardCounter = Annotated[CardDesk, Depends(_cards)]
LoginDesk = Annotated[Logins, Depends(_logins)]
GuestDesk = Annotated[Guests, Depends(_guests)]
RefreshDesk = Annotated[Refreshes, Depends(_refreshes)]
RegistrationDesk = Annotated[Registrations, Depends(_registrations)]

# In lower case: the document calls the capitalised header a required one, and here it is not.
OptionalIdempotencyKey = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        pattern=r"^[!-~]{1,200}$",
        description="Repeating a request with the same key repeats its answer",
    ),
]
