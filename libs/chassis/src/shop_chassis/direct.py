"""Routes that FastAPI documents and does not serve: for the few where most of the time would be FastAPI's.

Everything around a request stays: trace, log, figures, bounds, headers, problem documents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ErrorHandlers = Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]
"""How exceptions are answered, by class."""


class DirectRoute(APIRoute):
    """A route whose function takes the Request and nothing else, and returns the Response itself.

    ``APIRouter(route_class=DirectRoute)``. Its path has no parameters. What FastAPI cannot see in the
    signature, parameters and body, is said in ``openapi_extra``.
    """


class DirectRoutes:
    """Calls the functions of direct routes; all other requests go on.

    Args:
        app: takes the other requests.
        routers: where the direct routes are found.
        handlers: what answers exceptions; one without a handler is raised.
    """

    def __init__(self, app: ASGIApp, *, routers: Iterable[APIRouter], handlers: ErrorHandlers) -> None:
        self._app = app
        self._handlers = handlers
        self._routes = {
            (method, route.path): route
            for router in routers
            for route in router.routes
            if isinstance(route, DirectRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # its template stands for the path in logs and figures
        request = Request(scope, receive, send)
        try:
            response: Response = await route.endpoint(request)
        except Exception as error:
            response = await self._answer(request, error)
        await response(scope, receive, send)

    async def _answer(self, request: Request, error: Exception) -> Response:
        for kind in type(error).__mro__:
            if kind in self._handlers:
                return await self._handlers[kind](request, error)
        raise error
