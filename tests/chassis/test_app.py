from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shop_chassis.http import etag
from tests.chassis.small_api import KEY, order

Connect = Callable[..., httpx.AsyncClient]


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


@pytest.mark.parametrize(
    ("wanted_by", "message"),
    [
        ("tomorrow", "This is not a time."),
        ("2030-13-01T00:00:00Z", "This is not a time."),
        ([], "This is not a time."),
    ],
)
async def test_what_is_wrong_is_said_in_words_of_our_own(
    client: httpx.AsyncClient, wanted_by: Any, message: str
) -> None:
    answer = await client.post("/v1/orders", json=order(wanted_by=wanted_by), headers=KEY)
    assert [error["message"] for error in answer.json()["errors"]] == [message]


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


async def test_a_query_says_what_its_route_knows_and_nothing_twice(client: httpx.AsyncClient) -> None:
    fine = await client.get("/v1/filtered?limit=5&colour=red&colour=blue")
    assert fine.json() == {"limit": 5, "colours": ["red", "blue"]}
    refused = await client.get("/v1/filtered?limit=5&limit=6&color=red&colour[$ne]=1")
    assert refused.status_code == 422
    assert [(each["name"], each["message"]) for each in refused.json()["errors"]] == [
        ("limit", "This is said more than once."),
        ("color", "This parameter is not known."),
        ("colour[$ne]", "This parameter is not known."),
    ]
    assert (await client.get("/v1/orders/o?limit=5")).status_code == 422
    assert (await client.put("/v1/mine?bodySHA256=of-a-webhook")).status_code == 401


async def test_a_token_that_may_only_read_changes_nothing(
    client: httpx.AsyncClient, mint: Callable[..., str]
) -> None:
    shown = {"Authorization": f"Bearer {mint(scope='orders:read read-only')}"}
    assert (await client.get("/v1/me", headers=shown)).status_code == 200
    assert (await client.put("/v1/mine", headers=shown)).status_code == 403
    unbounded = {"Authorization": f"Bearer {mint(scope='')}"}
    assert (await client.put("/v1/mine", headers=unbounded)).status_code == 200


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
        await client.get("/v1/orders/ord_personal")
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
