"""The HTTP application of a service: its routers, with all that is the same around them in all five."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pymongo.errors import ExecutionTimeout, PyMongoError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shop_chassis import openapi
from shop_chassis.auth import TokenVerifier
from shop_chassis.direct import BodyShortcut, DirectRoutes, ErrorHandlers, Shortcut
from shop_chassis.health import Readiness, health_routes
from shop_chassis.middleware import Bounded, Observed, SecurityHeaders
from shop_chassis.problems import ErrorMap, Problem, Unavailable, mapped_response, status_response
from shop_chassis.queries import KnownParameters
from shop_chassis.settings import ServiceSettings
from shop_chassis.validation import validation_problem
from shop_events.unit_of_work import is_transient

log = structlog.get_logger("shop_chassis.app")


@dataclass(frozen=True)
class Api:
    """What a service has to say over HTTP.

    Args:
        routers: its routes, each with its whole path.
        errors: how exceptions of its domain are answered.
        large_bodies: in bytes, by path: what may be larger than other bodies, and is not held in memory.
        state: what its own dependencies find in ``request.app.state``, by name.
        shortcuts: ways around FastAPI for plain requests.
    """

    routers: Sequence[APIRouter]
    errors: ErrorMap = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    large_bodies: Mapping[str, int] = field(default_factory=dict)
    shortcuts: Sequence[Shortcut | BodyShortcut] = ()


def create_app(
    settings: ServiceSettings,
    api: Api,
    *,
    transact: Any = None,
    verifier: TokenVerifier | None = None,
    readiness: Readiness | None = None,
) -> FastAPI:
    """Return the application; it starts and connects nothing.

    Args:
        settings: bounds and trusted proxies.
        api: what the service adds.
        transact: what ``http.Transact`` gives to routes; its ``read`` is what ``http.Read`` gives.
        verifier: what finds out who is calling.
        readiness: what /health/ready asks.
    """
    app = FastAPI(
        title=f"Shopstream {settings.service_name}",
        version=_version(settings.service_name),
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # logs would hold what was sent
        generate_unique_id_function=_operation_id,
    )
    known = Depends(KnownParameters(app))
    for router in api.routers:
        app.include_router(router, dependencies=[known])
    app.router.routes.extend(health_routes(readiness or Readiness()))
    for name, value in {
        **api.state,
        "transact": transact,
        "verifier": verifier,
        "settings": settings,
    }.items():
        setattr(app.state, name, value)
    handlers = _error_handlers(api.errors)
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(DirectRoutes, routers=api.routers, handlers=handlers, shortcuts=api.shortcuts)
    _surround(app, settings, api.large_bodies)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    app.add_route(f"/v1/{settings.service_name}/openapi.json", _described, include_in_schema=False)
    return app


async def _described(request: Request) -> Response:
    """Answer the OpenAPI document where the gateway leads to it: there, five services share one address."""
    return JSONResponse(request.app.openapi())


def _surround(app: FastAPI, settings: ServiceSettings, large_bodies: Mapping[str, int]) -> None:
    """Add what surrounds each request; the last one added sees it first."""
    app.add_middleware(
        Bounded,
        body_bytes=settings.max_body_bytes,
        header_bytes=settings.max_header_bytes,
        in_flight=settings.max_in_flight,
        larger=large_bodies,
    )
    app.add_middleware(Observed)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.proxies)


def _error_handlers(errors: ErrorMap) -> ErrorHandlers:
    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def plain(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return status_response(error)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return validation_problem(error).response()

    async def database(_: Request, error: Exception) -> Response:
        if not (is_transient(error) or isinstance(error, ExecutionTimeout)):
            raise error
        log.warning("MongoDB is not available", error=type(error).__name__)
        return Unavailable().response()

    async def mapped(_: Request, error: Exception) -> Response:
        return mapped_response(error, errors)

    return {
        **dict.fromkeys(errors, mapped),
        PyMongoError: database,
        Problem: problem,
        HTTPException: plain,
        RequestValidationError: invalid,
    }


def _operation_id(route: APIRoute) -> str:
    return route.name


def _version(service_name: str) -> str:
    try:
        return version(f"shop-{service_name}")
    except PackageNotFoundError:
        return "0"
