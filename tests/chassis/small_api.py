"""A small API with everything the application factory is to surround: for the tests of the chassis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import Field
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from shop_chassis.app import Api, create_app
from shop_chassis.auth import Authenticated, MaybeCaller, TokenVerifier
from shop_chassis.direct import DirectRoute
from shop_chassis.http import Body, FromText, IdempotencyKey, IfMatch, Listing, Page, Read, Transact
from shop_chassis.openapi import responses
from shop_chassis.problems import Conflict, ErrorMap, NotFound, Problem, TooManyRequests
from shop_chassis.settings import ServiceSettings
from shop_events.context import current_trace
from shop_events.contracts import DomainError

router = APIRouter()


class OutOfStock(DomainError):
    """No piece is left."""

    def __init__(self, product: str) -> None:
        super().__init__(f"{product} is sold out")
        self.members = {"product_id": product}


class Throttled(DomainError):
    members = {"retry_after": 12.2}


class Unmapped(DomainError):
    pass


ERRORS: ErrorMap = {OutOfStock: 409, Throttled: TooManyRequests}


class Line(Body):
    product_id: Annotated[str, Field(max_length=20)]
    quantity: Annotated[int, Field(ge=1)]


class PlaceOrder(Body):
    lines: Annotated[list[Line], Field(min_length=1, max_length=10)]
    wanted_by: Annotated[datetime | None, FromText] = None


@router.post("/v1/orders", status_code=201, responses=responses(OutOfStock, Conflict, of=ERRORS))
async def place_order(body: PlaceOrder, key: IdempotencyKey, transact: Transact) -> dict[str, str]:
    return {"key": await transact(placed, key), "product": body.lines[0].product_id}


async def placed(uow: str, key: str) -> str:
    return f"{uow} {key}"


@router.get("/v1/orders")
async def list_orders(page: Page, read: Read) -> Listing[str]:
    return Listing(items=[await read(placed, str(page.after(str, int)))], next_cursor=None)


@router.get("/v1/orders/{order_id}")
async def show_order(order_id: str, caller: MaybeCaller) -> dict[str, Any]:
    trace = current_trace()
    return {
        "id": order_id,
        "by": caller and caller.user_id,
        "trace": trace and trace.traceparent,
        "correlation": trace and trace.correlation_id,
    }


@router.patch("/v1/orders/{order_id}")
async def change_order(order_id: str, version: IfMatch) -> int:
    return version


@router.get("/v1/me")
async def me(caller: Authenticated) -> str:
    caller.require_role("customer")
    return caller.user_id


@router.put("/v1/mine")
async def change_mine(caller: Authenticated) -> str:
    return caller.user_id


@router.get("/v1/admin")
async def admin(caller: Authenticated) -> None:
    caller.require_role("admin")


@router.get("/v1/raises/{what}")
async def raises(what: str) -> None:
    errors: dict[str, Exception] = {
        "sold-out": OutOfStock("prd_1"),
        "throttled": Throttled("slowly"),
        "missing": NotFound("No such order."),
        "no-database": ServerSelectionTimeoutError("mongodb://user:secret@host"),
        "conflicting": OperationFailure("secret", details={"errorLabels": ["TransientTransactionError"]}),
        "broken": OperationFailure("secret"),
        "unmapped": Unmapped("secret"),
        "unexpected": RuntimeError("secret"),
        "base": Problem(),
    }
    raise errors[what]


@router.get("/v1/filtered")
async def filtered(limit: int, colour: Annotated[list[str], Query()]) -> dict[str, Any]:
    return {"limit": limit, "colours": colour}


@router.get("/v1/address")
async def address(request: Request) -> str:
    return f"{request.url.scheme} {request.client.host if request.client else None}"


@router.get("/v1/waits")
async def waits(request: Request) -> None:
    request.app.state.arrived.set()
    await request.app.state.go_on.wait()


direct = APIRouter(route_class=DirectRoute)


@direct.post("/v1/beacons", status_code=202, responses=responses(OutOfStock, of=ERRORS))
async def take_beacon(request: Request) -> Response:
    body = await request.body()
    if body == b"sold out":
        raise OutOfStock("prd_1")
    if body == b"broken":
        raise RuntimeError("secret")
    trace = current_trace()
    return Response(trace.correlation_id if trace else None, 202)


class FakeTransactor:
    """Stands for the transactor: the unit of work is a word."""

    async def __call__(self, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await work("written", *args)

    async def read(self, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await work("read", *args)


def small_app(settings: ServiceSettings, verifier: TokenVerifier) -> FastAPI:
    """Return it as an application with low limits; ``arrived`` and ``go_on`` hold a request open."""
    state = {"arrived": asyncio.Event(), "go_on": asyncio.Event()}
    api = Api([router, direct], ERRORS, state)
    small = settings.model_copy(update={"max_in_flight": 2, "max_body_bytes": 20_000})
    return create_app(small, api, transact=FakeTransactor(), verifier=verifier)


def order(**changed: Any) -> dict[str, Any]:
    return {"lines": [{"product_id": " prd_1 ", "quantity": 1}], **changed}


KEY = {"Idempotency-Key": "k1"}
