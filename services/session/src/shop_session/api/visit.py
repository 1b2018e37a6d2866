"""The visitor behind a request: how the session string comes in, how a new one goes out.

Browsers keep it in a ``__Host-`` cookie that scripts cannot read, other clients in the header ``Session-Id``.
It is turned into its digest here, and nothing behind this module knows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar, cast

import orjson
from fastapi import Cookie, Depends, Header, Request, Response

from shop_chassis.problems import Unprocessable
from shop_session.application import sessions
from shop_session.application.sessions import Issued
from shop_session.application.turns import Turns
from shop_session.domain.secret import digest_of
from shop_session.store.unit_of_work import Transact

COOKIE = "__Host-session"
HEADER = "Session-Id"
_LONGEST = 200
_DESCRIPTIONS = {
    "header": "Session string of clients without cookies",
    "cookie": "Session string of browsers",
}

SHOWN: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": place,
            "required": False,
            "description": _DESCRIPTIONS[place],
            "schema": {"type": "string", "maxLength": _LONGEST},
        }
        for name, place in ((HEADER, "header"), (COOKIE, "cookie"))
    ]
}
"""What the OpenAPI document says of the session string where FastAPI does not see it (``openapi_extra``)."""

P = ParamSpec("P")
T = TypeVar("T")


class Visit:
    """A visitor's way to the use cases, which get the digest of the session string as first argument."""

    def __init__(self, request: Request, response: Response, shown: str | None) -> None:
        self._headers = request.headers
        self._has_cookie = COOKIE in request.cookies
        self._response = response
        self._transact = cast(Transact, request.app.state.transact)
        self._turns = cast(Turns, request.app.state.turns)
        self._digest = digest_of(shown) if shown else None
        # What was shown and cannot be one is as good as one that has ended.
        self._key = self._digest or (shown and "malformed") or None
        response.headers["Cache-Control"] = "no-store"

    async def read(
        self, work: Callable[Concatenate[Any, str | None, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query; the digest is None for somebody without a session."""
        return await self._transact.read(work, self._key, *args, **kwargs)

    async def write(
        self, work: Callable[Concatenate[Any, str, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a use case as a transaction, when the session's earlier writes are done.

        Whoever comes without a session gets one first.
        """

        async def run(digest: str) -> T:
            return await self._transact(work, digest, *args, **kwargs)

        return await self.hold(run)

    async def hold(
        self, work: Callable[Concatenate[str, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work`` when the session's earlier writes are done; it gets the digest alone."""
        key = self._key or await self._begin()
        return await self._turns.take(key, partial(work, key, *args, **kwargs))

    async def change(
        self, work: Callable[Concatenate[Any, str | None, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a use case that begins, replaces or ends the session itself."""
        work_now = partial(self._transact, work, self._key, *args, **kwargs)
        return await (self._turns.take(self._key, work_now) if self._key else work_now())

    def hand_out(self, issued: Issued) -> None:
        """Give the client its new session string, in the way in which it keeps it."""
        self._key = issued.digest
        by_header = HEADER in self._headers
        if by_header or not (self._has_cookie or "Sec-Fetch-Site" in self._headers):
            self._response.headers[HEADER] = issued.string
        if not by_header:
            self._response.set_cookie(
                COOKIE, issued.string, expires=issued.expires_at, secure=True, httponly=True, samesite="lax"
            )

    def take_back(self) -> None:
        """Let a browser forget its session string."""
        if self._has_cookie:
            self._response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")

    async def _begin(self) -> str:
        issued = await self._transact(sessions.begin)
        self.hand_out(issued)
        return issued.digest


# Dependencies that do not wait are coroutines all the same: FastAPI runs plain functions in threads.
async def _shown(
    header: Annotated[
        str | None,
        Header(alias=HEADER, max_length=_LONGEST, description=_DESCRIPTIONS["header"]),
    ] = None,
    cookie: Annotated[
        str | None, Cookie(alias=COOKIE, max_length=_LONGEST, description=_DESCRIPTIONS["cookie"])
    ] = None,
) -> str | None:
    return header or cookie


async def _visit(
    request: Request, response: Response, shown: Annotated[str | None, Depends(_shown)]
) -> Visit:
    return Visit(request, response, shown)


Visitor = Annotated[Visit, Depends(_visit)]
"""Whoever the request's session string belongs to; the header counts where there is a cookie as well."""


def visit_of(request: Request) -> tuple[Visit, Response]:
    """Return the visitor behind a request of a direct route, and where the headers for them are noted.

    Raises:
        Unprocessable: the session string is longer than one may be.
    """
    header, cookie = request.headers.get(HEADER), request.cookies.get(COOKIE)
    for place, name, value in (("header", HEADER, header), ("cookie", COOKIE, cookie)):
        if value is not None and len(value) > _LONGEST:
            message = f"This has more than {_LONGEST} characters."
            raise Unprocessable([{"in": place, "name": name, "message": message}])
    noted = Response()
    return Visit(request, noted, header or cookie), noted


def answer(noted: Response, body: Any, status: int) -> Response:
    """Return JSON as the answer of a direct route, with the headers that were noted for the visitor."""
    response = Response(orjson.dumps(body), status, media_type="application/json")
    response.raw_headers += [header for header in noted.raw_headers if header[0] != b"content-length"]
    return response
