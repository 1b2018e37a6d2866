"""A shortcut answers for a route what it takes, and leaves the rest to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from fastapi import APIRouter
from starlette.types import Scope
from structlog.testing import capture_logs

from shop_chassis.app import Api, create_app
from shop_chassis.direct import BodyShortcut, Ready, Shortcut
from shop_chassis.problems import NotFound
from shop_chassis.settings import ServiceSettings

router = APIRouter()


@router.get("/v1/cups/large")
async def large() -> str:
    """Show the large ones."""
    return "route: large"


@router.get("/v1/cups/{id}")
async def cup(id: str) -> str:
    """Show a cup."""
    return f"route: {id}"


async def short(scope: Scope, last: str) -> Ready | None:
    if last == "missing":
        raise NotFound
    if last == "broken":
        raise RuntimeError("secret")
    return None if last == "other" else Ready(200, [(b"content-length", b"5")], b"short")


@pytest.fixture
async def cups(settings: ServiceSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, Api([router], shortcuts=[Shortcut("/v1/cups/{id}", short)]))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tested") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/v1/cups/red", 200, "short"),
        ("/v1/cups/other", 200, '"route: other"'),
        ("/v1/cups/large", 200, '"route: large"'),
        ("/v1/cups/red/handle", 404, None),
        ("/v1/cups/missing", 404, None),
        ("/v1/cups/broken", 500, None),
    ],
)
async def test_a_shortcut_takes_only_what_is_its_own(
    cups: httpx.AsyncClient, path: str, status: int, text: str | None
) -> None:
    answer = await cups.get(path)
    assert answer.status_code == status
    assert text is None or answer.text == text
    assert "secret" not in answer.text


async def test_other_methods_are_the_routes_own(cups: httpx.AsyncClient) -> None:
    assert (await cups.delete("/v1/cups/red")).status_code == 405


async def test_a_shortened_request_has_all_that_surrounds_others(cups: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        answer = await cups.get("/v1/cups/red", headers={"X-Correlation-Id": "c-1"})
    assert answer.headers["x-correlation-id"] == "c-1"
    assert answer.headers["x-frame-options"] == "DENY"
    assert [(line["route"], line["status"]) for line in logs] == [("/v1/cups/{id}", 200)]


@router.post("/v1/cups", status_code=201)
async def fill_route(body: dict[str, str]) -> str:
    """Fill a cup."""
    return f"route: {body['with']}"


async def fill(scope: Scope, body: bytes) -> Ready | None:
    filled = orjson.loads(body)["with"]
    if filled == "poison":
        raise NotFound
    if filled == "glue":
        raise RuntimeError("secret")
    return Ready(201, [(b"content-length", b"5")], b"short") if filled == "tea" else None


@pytest.fixture
async def filling(settings: ServiceSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, Api([router], shortcuts=[BodyShortcut("/v1/cups", fill)]))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tested") as client:
        yield client


@pytest.mark.parametrize(
    ("filled", "status", "text"),
    [("tea", 201, "short"), ("milk", 201, '"route: milk"'), ("poison", 404, None), ("glue", 500, None)],
)
@pytest.mark.parametrize("in_parts", [False, True])
async def test_a_body_that_a_shortcut_leaves_is_read_by_the_route(
    filling: httpx.AsyncClient, filled: str, status: int, text: str | None, in_parts: bool
) -> None:
    body = orjson.dumps({"with": filled})

    async def parts() -> AsyncIterator[bytes]:
        for byte in body:
            yield bytes([byte])

    content = parts() if in_parts else body
    answer = await filling.post("/v1/cups", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert text is None or answer.text == text
    assert "secret" not in answer.text


async def test_other_kinds_of_body_are_the_routes_own(filling: httpx.AsyncClient) -> None:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    assert (await filling.post("/v1/cups", content=b'{"with": "tea"}', headers=kind)).text == '"route: tea"'
    assert (await filling.post("/v1/cups", content=b"tea")).status_code == 415


async def test_a_body_is_bounded_before_a_shortcut_has_it(filling: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"with": "'
        for _ in range(100):
            yield b"x" * 65_536

    answer = await filling.post("/v1/cups", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
