"""Routes that read and write for themselves have all that surrounds a request."""

from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs


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
