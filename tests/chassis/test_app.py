from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pydantic import Field
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from structlog.testing import capture_logs

from shop_chassis.app import Api, create_app
from shop_chassis.auth import Authenticated, MaybeCaller, TokenVerifier
from shop_chassis.direct import DirectRoute
from shop_chassis.http import Body, FromText, IdempotencyKey, IfMatch, Listing, Page, Read, Transact, etag
from shop_chassis.openapi import responses
from shop_chassis.problems import Conflict, ErrorMap, NotFound, Problem, TooManyRequests
from shop_chassis.settings import ServiceSettings
from shop_events.context import current_trace
from shop_events.contracts import DomainError

router = APIRouter()
Connect = Callable[..., httpx.AsyncClient]


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


@pytest.fixture
def app(settings: ServiceSettings, verifier: TokenVerifier) -> FastAPI:
    state = {"arrived": asyncio.Event(), "go_on": asyncio.Event()}
    api = Api([router, direct], ERRORS, state)
    small = settings.model_copy(update={"max_in_flight": 2, "max_body_bytes": 20_000})
    return create_app(small, api, transact=FakeTransactor(), verifier=verifier)


def order(**changed: Any) -> dict[str, Any]:
    return {"lines": [{"product_id": " prd_1 ", "quantity": 1}], **changed}


KEY = {"Idempotency-Key": "k1"}


async def test_a_route_gets_its_body_key_and_unit_of_work(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/orders", json=order(wanted_by="2030-01-01T00:00:00Z"), headers=KEY)
    assert (answer.status_code, answer.json()) == (201, {"key": "written k1", "product": "prd_1"})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (order(price=1), "#/price"),
        ({"lines": [{"product_id": "p", "quantity": 0}]}, "#/lines/0/quantity"),
        ({"lines": [{"product_id": "p", "quantity": "1"}]}, "#/lines/0/quantity"),
        ({"lines": [{"product_id": "secret" * 9, "quantity": 1}]}, "#/lines/0/product_id"),
        ({"lines": [{"product_id": "p", "quantity": 1, "a/b~c": 1}]}, "#/lines/0/a~1b~0c"),
        (order(wanted_by="secret"), "#/wanted_by"),
        ([], "#"),
    ],
)
async def test_unacceptable_values_are_pointed_at_and_not_repeated(
    client: httpx.AsyncClient, body: Any, pointer: str
) -> None:
    answer = await client.post("/v1/orders", json=body, headers=KEY)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:shopstream:problem:validation"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert "secret" not in answer.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["lines", "product_id", "quantity"]) | st.text(max_size=8), inner)
    ),
    max_leaves=10,
)


@given(body=JSON.map(json.dumps))
@examples(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(body='{"\\ud800": "\\ud800", "lines": []}')
@example(body='{"lines": [{"product_id": "\\ud800", "quantity": 1}]}')
@example(body='{"lines": [{"product_id": "p", "quantity": ' + "9" * 5000 + "}]}")
@example(body='{"lines": NaN}')
@example(body='{"lines": []}')
async def test_no_body_upsets_the_service(client: httpx.AsyncClient, body: str) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    answer = await client.post("/v1/orders", content=body.encode(), headers=headers)
    assert answer.status_code in (201, 400, 422)


async def test_bad_parameters_are_named(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/orders", params={"limit": 101})
    assert answer.json()["errors"] == [{"in": "query", "name": "limit", "message": "This is more than 100."}]


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 19_000, "application/json", 400),
        (b"\xff\xfe\x00", "application/json", 400),
        (b"lines=1", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused(
    client: httpx.AsyncClient, content: bytes, content_type: str, status: int
) -> None:
    headers = {**KEY, "Content-Type": content_type}
    answer = await client.post("/v1/orders", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_declared_too_large_is_refused_unread(client: httpx.AsyncClient) -> None:
    for path in ("/v1/orders", "/unknown"):
        answer = await client.post(path, content=b"x" * 20_001, headers=KEY)
        assert (answer.status_code, answer.json()["type"]) == (
            413,
            "urn:shopstream:problem:payload-too-large",
        )


async def test_a_chunked_body_is_bounded_while_it_is_read(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 100

    headers = {**KEY, "Content-Type": "application/json"}
    answer = await client.post("/v1/orders", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (413, "The body is too large")


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30])
async def test_a_nonsense_length_is_refused(client: httpx.AsyncClient, length: str) -> None:
    answer = await client.post("/v1/orders", headers={**KEY, "Content-Length": length})
    assert answer.status_code == 413


async def test_headers_are_bounded_in_size_and_number(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/me", headers={"X-Big": "x" * 17_000})).status_code == 431
    assert (await client.get("/v1/me", headers={f"X-{n}": "" for n in range(100)})).status_code == 431


async def test_more_requests_than_allowed_are_told_to_come_later(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    waiting = [asyncio.create_task(client.get("/v1/waits")) for _ in range(2)]
    await asyncio.wait_for(app.state.arrived.wait(), 5)
    answer = await client.get("/v1/address")
    alive = await client.get("/health/live")
    app.state.go_on.set()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert alive.status_code == 200
    assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
    assert (await client.get("/v1/address")).status_code == 200


@pytest.mark.parametrize(
    ("what", "status", "expected"),
    [
        (
            "sold-out",
            409,
            {
                "type": "urn:shopstream:problem:out-of-stock",
                "title": "Out of stock",
                "detail": "prd_1 is sold out",
                "product_id": "prd_1",
            },
        ),
        ("throttled", 429, {"type": "urn:shopstream:problem:too-many-requests", "detail": "slowly"}),
        ("missing", 404, {"type": "urn:shopstream:problem:not-found", "detail": "No such order."}),
        ("no-database", 503, {"type": "urn:shopstream:problem:unavailable"}),
        ("conflicting", 503, {"type": "urn:shopstream:problem:unavailable"}),
        ("broken", 500, {"type": "urn:shopstream:problem:internal-error"}),
        ("unmapped", 500, {"type": "urn:shopstream:problem:internal-error"}),
        ("unexpected", 500, {"type": "urn:shopstream:problem:internal-error"}),
        ("base", 500, {"type": "urn:shopstream:problem:internal-error"}),
    ],
)
async def test_what_is_raised_becomes_a_problem(
    client: httpx.AsyncClient, what: str, status: int, expected: dict[str, Any]
) -> None:
    answer = await client.get(f"/v1/raises/{what}", headers={"X-Correlation-Id": "c-1"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert expected.items() <= document.items()
    assert (document["status"], document["correlation_id"]) == (status, "c-1")
    assert "secret" not in answer.text
    assert answer.headers.get("retry-after") == {429: "13", 503: "1"}.get(status)


async def test_an_unexpected_error_is_logged_once_with_its_trace(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        await client.get("/v1/raises/unexpected")
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["unexpected error"]


async def test_unknown_routes_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    unknown, wrong = await client.get("/nothing"), await client.put("/v1/me")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "about:blank")
    assert (wrong.status_code, wrong.json()["title"]) == (405, "Method Not Allowed")
    assert wrong.headers["allow"] == "GET"


async def test_callers_are_known_by_their_token(client: httpx.AsyncClient, mint: Callable[..., str]) -> None:
    bearer = {"Authorization": f"bearer {mint()}"}
    assert (await client.get("/v1/me", headers=bearer)).json() == "usr_1"
    assert (await client.get("/v1/orders/o", headers=bearer)).json()["by"] == "usr_1"
    assert (await client.get("/v1/orders/o")).json()["by"] is None
    assert (await client.get("/v1/admin", headers=bearer)).status_code == 403


@pytest.mark.parametrize("shown", ["Bearer x", "Bearer", "Basic dXNlcjpwYXNz", "", "Bearer  "])
async def test_a_bad_token_is_refused_even_where_none_is_needed(
    client: httpx.AsyncClient, shown: str
) -> None:
    for path in ("/v1/me", "/v1/orders/o"):
        answer = await client.get(path, headers={"Authorization": shown})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_no_token_is_answered_with_a_bare_challenge(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/me")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_two_authorization_headers_are_refused(
    client: httpx.AsyncClient, mint: Callable[..., str]
) -> None:
    pair = [("Authorization", f"Bearer {mint()}")] * 2
    assert (await client.get("/v1/me", headers=pair)).status_code == 401


@pytest.mark.parametrize("key", [None, "", "x" * 201, "a b", "ä"])
async def test_creating_needs_a_usable_idempotency_key(client: httpx.AsyncClient, key: str | None) -> None:
    headers = {} if key is None else {b"Idempotency-Key": key.encode("latin-1")}
    answer = await client.post("/v1/orders", json=order(), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:shopstream:problem:idempotency-key")


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        (etag(7), 200),
        (None, 428),
        ('W/"v7"', 412),
        ('"other"', 412),
        ("v7", 400),
        ("*", 400),
        ('"v7", "v8"', 400),
        ('"v' + "9" * 99 + '"', 412),
    ],
)
async def test_a_change_names_the_version_it_is_based_on(
    client: httpx.AsyncClient, tag: str | None, status: int
) -> None:
    answer = await client.patch("/v1/orders/o", headers={"If-Match": tag} if tag else {})
    assert answer.status_code == status


async def test_a_correlation_id_of_a_harmless_form_is_kept(client: httpx.AsyncClient) -> None:
    kept = await client.get("/v1/orders/o", headers={"X-Correlation-Id": "abc-1"})
    assert kept.headers["x-correlation-id"] == kept.json()["correlation"] == "abc-1"
    replaced = await client.get("/v1/orders/o", headers={"X-Correlation-Id": "a b"})
    assert replaced.headers["x-correlation-id"] == replaced.json()["trace"].split("-")[1]


@pytest.mark.parametrize(
    ("sent", "continued"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-00", True),
        (f"01-{'a' * 32}-{'b' * 16}-00-more", True),
        (f"00-{'a' * 32}-{'b' * 16}-00-more", False),
        (f"ff-{'a' * 32}-{'b' * 16}-00", False),
        (f"00-{'0' * 32}-{'b' * 16}-00", False),
        (f"00-{'a' * 32}-{'0' * 16}-00", False),
        (f"00-{'A' * 32}-{'b' * 16}-00", False),
        ("", False),
    ],
)
async def test_a_trace_is_continued_if_it_is_valid(
    client: httpx.AsyncClient, sent: str, continued: bool
) -> None:
    answer = await client.get("/v1/orders/o", headers={"traceparent": sent})
    version, trace_id, span_id, flags = answer.json()["trace"].split("-")
    assert (version, len(trace_id), len(span_id)) == ("00", 32, 16)
    assert (trace_id == "a" * 32) is continued
    assert span_id != "b" * 16
    assert flags == ("00" if continued else "01")


async def test_answers_carry_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/v1/me", "/nothing", "/v1/raises/unexpected", "/health/live"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in headers
    https = await client.get("/v1/address", headers={"X-Forwarded-Proto": "https"})
    assert "max-age" in https.headers["strict-transport-security"]


async def test_client_addresses_are_believed_only_from_trusted_proxies(
    app: FastAPI, connect: Connect
) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https"}
    async with connect(app, "127.0.0.1") as proxy, connect(app, "192.0.2.1") as stranger:
        assert (await proxy.get("/v1/address", headers=forwarded)).json() == "https 198.51.100.7"
        assert (await stranger.get("/v1/address", headers=forwarded)).json() == "http 192.0.2.1"


async def test_logs_and_metrics_name_the_route_and_not_the_path(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        await client.get("/v1/orders/ord_personal?q=personal")
        await client.request("BREW", "/personal")
    lines = [entry for entry in logs if entry["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/v1/orders/{order_id}", 200),
        ("OTHER", "unmatched", 404),
    ]
    assert "personal" not in str(logs)
    metrics = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/v1/orders/{order_id}",status="200"}' in metrics
    assert "personal" not in metrics
    assert "process_resident_memory_bytes" in metrics
    assert REGISTRY.get_sample_value("http_requests_in_flight") == 0


async def test_the_openapi_document_tells_the_problems_of_each_route(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    placing = document["paths"]["/v1/orders"]["post"]
    assert "out-of-stock" in placing["responses"]["409"]["description"]
    assert "conflict" in placing["responses"]["409"]["description"]
    for status in ("409", "422", "default"):
        assert list(placing["responses"][status]["content"]) == ["application/problem+json"]
    key = placing["parameters"][0]
    assert (key["required"], key["schema"]["type"]) == (True, "string")
    assert "anyOf" not in key["schema"]
    assert "401" in document["paths"]["/v1/me"]["get"]["responses"]
    assert document["components"]["securitySchemes"]["access_token"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in str(document)
    assert not any(path.startswith(("/health", "/metrics")) for path in document["paths"])


async def test_the_openapi_document_has_an_address_of_its_service(client: httpx.AsyncClient) -> None:
    name = (await client.get("/openapi.json")).json()["info"]["title"].removeprefix("Shopstream ")
    behind_the_gateway = await client.get(f"/v1/{name}/openapi.json")
    assert behind_the_gateway.json() == (await client.get("/openapi.json")).json()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "This is needed."),
        ({"lines": []}, "This needs 1 or more entries."),
        ({"lines": 5}, "This is not a list."),
        ({"lines": [5]}, "This is not an object."),
    ],
)
async def test_what_is_wrong_is_said_in_plain_words(
    client: httpx.AsyncClient, body: dict[str, object], message: str
) -> None:
    answer = await client.post("/v1/orders", json=body, headers=KEY)
    assert message in [each["message"] for each in answer.json()["errors"]]


async def test_a_direct_route_has_all_that_surrounds_a_request(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        answer = await client.post("/v1/beacons", content=b"x", headers={"X-Correlation-Id": "c-1"})
    assert (answer.status_code, answer.text) == (202, "c-1")
    assert answer.headers["x-correlation-id"] == "c-1"
    assert answer.headers["x-frame-options"] == "DENY"
    assert [(line["route"], line["status"]) for line in logs] == [("/v1/beacons", 202)]


@pytest.mark.parametrize(("content", "status"), [(b"sold out", 409), (b"broken", 500), (b"x" * 30_000, 413)])
async def test_errors_of_a_direct_route_are_problems(
    client: httpx.AsyncClient, content: bytes, status: int
) -> None:
    answer = await client.post("/v1/beacons", content=content)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_other_methods_of_a_direct_route_are_not_allowed(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/beacons")).status_code == 405


async def test_a_direct_route_is_documented(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert {"202", "409"} <= document["paths"]["/v1/beacons"]["post"]["responses"].keys()
