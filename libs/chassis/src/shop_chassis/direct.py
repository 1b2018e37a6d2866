"""Ways around FastAPI, for the few routes where most of the time would be FastAPI's.

Direct routes it documents and does not serve at all. Of a route with a shortcut it serves what the shortcut
leaves to it: that one answers the many requests that are plain, just as the route would. A shortcut that
takes a body leaves all that is wrong with one to the route, which reads it again.

Everything around a request stays: trace, log, figures, bounds, headers, problem documents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ErrorHandlers = Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]
"""How exceptions are answered, by class."""


class DirectRoute(APIRoute):
    """A route whose function takes the Request and nothing else, and returns the Response itself.

    ``APIRouter(route_class=DirectRoute)``. Its path has no parameters. What FastAPI cannot see in the
    signature, parameters and body, is said in ``openapi_extra``.
    """


class Ready(NamedTuple):
    """An answer as the server takes it; ``headers`` hold all but what surrounds each request adds."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Answers plain GET requests of a route before FastAPI sees them.

    Args:
        path: the route's own; its last segment may be a parameter, such as ``{id}``.
        answer: takes scope and last segment; returns None to leave the request to the route.
    """

    path: str
    answer: Callable[[Scope, str], Awaitable[Ready | None]]


@dataclass(frozen=True, slots=True)
class BodyShortcut:
    """Answers plain POST requests of a route, with a body of JSON, before FastAPI sees them.

    Args:
        path: the route's own, without parameters.
        answer: takes scope and body; returns None to leave the request to the route.
    """

    path: str
    answer: Callable[[Scope, bytes], Awaitable[Ready | None]]


class DirectRoutes:
    """Calls direct routes and shortcuts; all other requests go on.

    Args:
        app: takes the other requests.
        routers: where the direct routes are found.
        shortcuts: of other routes; none for what a route without parameters matches.
        handlers: what answers exceptions; one without a handler is raised.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routers: Sequence[APIRouter],
        handlers: ErrorHandlers,
        shortcuts: Iterable[Shortcut | BodyShortcut] = (),
    ) -> None:
        self._app = app
        self._handlers = handlers
        known = list(shortcuts)
        self._shortcuts = {each.path.partition("{")[0]: each for each in known if isinstance(each, Shortcut)}
        self._body_shortcuts = {each.path: each for each in known if isinstance(each, BodyShortcut)}
        self._plain_paths = {
            route.path
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute) and "{" not in route.path
        }
        self._routes = {
            (method, route.path): route
            for router in routers
            for route in router.routes
            if isinstance(route, DirectRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif route := self._routes.get((scope["method"], scope["path"])):
            scope["route"] = route  # its template stands for the path in logs and figures
            request = Request(scope, receive, send)
            try:
                response: Response = await route.endpoint(request)
            except Exception as error:
                response = await self._answer(request, error)
            await response(scope, receive, send)
        elif scope["method"] == "POST" and (taking := self._body_shortcuts.get(scope["path"])):
            await self._taken(taking, scope, receive, send)
        elif scope["method"] != "GET" or not await self._shortened(scope, receive, send):
            await self._app(scope, receive, send)

    async def _taken(self, shortcut: BodyShortcut, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by a shortcut that takes a body, or by its route if that one leaves the request to it."""
        body = b""
        try:
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    break
            else:
                return  # nobody waits for an answer
            ready = await shortcut.answer(scope, body) if _is_json(scope) else None
        except Exception as error:
            await self._refuse(shortcut, error, scope, receive, send)
            return
        if ready is None:
            await self._app(scope, _once_more(body, receive), send)
        else:
            await _send(shortcut, ready, scope, send)

    async def _shortened(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer by a shortcut, if one is there and takes the request; say whether it was answered."""
        path: str = scope["path"]
        head, _, last = path.rpartition("/")
        shortcut = self._shortcuts.get(path)
        if shortcut is None and last and path not in self._plain_paths:
            shortcut = self._shortcuts.get(f"{head}/")
        if shortcut is None:
            return False
        try:
            ready = await shortcut.answer(scope, last)
        except Exception as error:
            await self._refuse(shortcut, error, scope, receive, send)
            return True
        if ready is None:
            return False
        await _send(shortcut, ready, scope, send)
        return True

    async def _refuse(
        self,
        shortcut: Shortcut | BodyShortcut,
        error: Exception,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        scope["route"] = shortcut
        response = await self._answer(Request(scope, receive, send), error)
        await response(scope, receive, send)

    async def _answer(self, request: Request, error: Exception) -> Response:
        for kind in type(error).__mro__:
            if kind in self._handlers:
                return await self._handlers[kind](request, error)
        raise error


def _is_json(scope: Scope) -> bool:
    return [value for name, value in scope["headers"] if name == b"content-type"] == [b"application/json"]


def _once_more(body: bytes, receive: Receive) -> Receive:
    """Return what tells a body that was read before, and then goes on as ``receive``."""
    told = False

    async def receiving() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


async def _send(shortcut: Shortcut | BodyShortcut, ready: Ready, scope: Scope, send: Send) -> None:
    scope["route"] = shortcut
    await send({"type": "http.response.start", "status": ready.status, "headers": ready.headers})
    await send({"type": "http.response.body", "body": ready.body})
