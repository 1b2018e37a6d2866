"""The laptop's gateway routes as the manifests say, and refuses manifests it cannot obey."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from fastapi import FastAPI

from shop_catalog.api import LARGE_BODIES
from shop_chassis.server import http_server
from shop_chassis.settings import ServiceSettings
from shop_devstack import children, folders, gateway, ports
from shop_devstack.errors import UntranslatableError
from shop_devstack.gateway import Route

BASE = folders.PROJECT / "deploy" / "k8s" / "base"
SCHEMA = folders.PROJECT.parent / "shared/schemas/kubernetes-crds/gateway.networking.k8s.io_HTTPRoute_v1.json"
SERVICES = ("analytics", "catalog", "identity", "notifier", "session")


def manifest(*rules: dict[str, Any], **spec: Any) -> str:
    return yaml.safe_dump({"kind": "HTTPRoute", "spec": {"parentRefs": [], "rules": list(rules), **spec}})


def rule(*matches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"matches": list(matches), "backendRefs": [{"name": "catalog", "port": 80}], **more}


def prefix(path: str) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": path}}


def service_for(path: str, table: list[Route]) -> str | None:
    return next((route.service for route in table if re.search(route.pattern, path)), None)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/v1/products", "catalog"),
        ("/v1/products/prd_1", "catalog"),
        ("/v1/products/", "catalog"),
        ("/v1/productsandmore", None),
        ("/v1/orders", "catalog"),
        ("/v1/payments/webhooks", "catalog"),
        ("/v1/payments/webhooks/more", None),
        ("/v1/users/me", "identity"),
        ("/v1/auth/login", "identity"),
        ("/.well-known/jwks.json", "identity"),
        ("/v1/session", "session"),
        ("/v1/sessions", None),
        ("/v1/notifications/ntf_1/read", "notifier"),
        ("/v1/webhooks/sendgrid", "notifier"),
        ("/v1/unsubscribe/token", "notifier"),
        ("/v1/broadcasts/brd_1", "notifier"),
        ("/v1/recommendations", "analytics"),
        ("/v1/insights/top", "analytics"),
        ("/health/ready", None),
        ("/metrics", None),
        ("/V1/products", None),
    ],
)
def test_the_project_s_manifests_lead_each_path_to_its_owner(path: str, service: str | None) -> None:
    assert service_for(path, gateway.routes(BASE)) == service


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_describes_itself_through_the_gateway(service: str) -> None:
    assert service_for(f"/v1/{service}/openapi.json", gateway.routes(BASE)) == service


def test_exact_comes_before_prefix_and_long_before_short(tmp_path: Path) -> None:
    exact = {"path": {"type": "Exact", "value": "/a"}}
    (tmp_path / "r.yaml").write_text(
        manifest(rule(prefix("/")), rule(prefix("/a/b")), rule(prefix("/a")), rule(exact))
    )
    found = [(route.path, route.exact) for route in gateway.routes(tmp_path)]
    assert found == [("/a", True), ("/a/b", False), ("/a", False), ("/", False)]


@pytest.mark.parametrize(
    "text",
    [
        manifest(rule(prefix("/"), filters=[{"type": "URLRewrite"}])),
        manifest(rule(prefix("/"), timeouts={"request": "1s"})),
        manifest(rule({"headers": [{"name": "x", "value": "y"}]})),
        manifest(rule({"queryParams": [{"name": "x", "value": "y"}]})),
        manifest(rule({"path": {"type": "RegularExpression", "value": "/.*"}})),
        manifest(rule(prefix("/")), hostnames=["shop.example"]),
        manifest({"backendRefs": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]}),
        manifest({"backendRefs": [{"name": "a", "port": 80, "weight": 3}]}),
        manifest({"backendRefs": [{"name": "a", "kind": "Bucket"}]}),
    ],
)
def test_a_feature_that_cannot_be_translated_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "route.yaml").write_text(text)
    with pytest.raises(UntranslatableError, match=r"route\.yaml"):
        gateway.routes(tmp_path)


def test_a_route_to_an_unknown_service_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UntranslatableError, match="nobody"):
        gateway.caddy_config([Route("/", False, None, "nobody")], {}, 1, tmp_path)


@pytest.mark.skipif(not SCHEMA.exists(), reason="the published schemas are not on this machine")
@pytest.mark.parametrize("service", SERVICES)
def test_the_manifests_are_valid_gateway_api(service: str) -> None:
    route = yaml.safe_load((BASE / service / "httproute.yaml").read_text())
    jsonschema.validate(route, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("service", SERVICES)
def test_each_route_s_backend_is_a_service_of_the_same_folder(service: str) -> None:
    route = yaml.safe_load((BASE / service / "httproute.yaml").read_text())
    offered = yaml.safe_load((BASE / service / "service.yaml").read_text())
    for each in route["spec"]["rules"]:
        assert [(ref["name"], ref["port"]) for ref in each["backendRefs"]] == [
            (offered["metadata"]["name"], offered["spec"]["ports"][0]["port"])
        ]


@asynccontextmanager
async def upstream(release: asyncio.Event) -> AsyncIterator[int]:
    """A server that answers with the request it saw; on /…/stream it sends one event and waits."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if length := re.search(r"Content-Length: (\d+)", head):
            await reader.readexactly(int(length[1]))
        if "/stream" in head.split("\r\n")[0]:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
            await writer.drain()
            await release.wait()
            writer.write(b"data: last\n\n")
        else:
            body = head.encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nServer: secret\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
        writer.close()

    server = await asyncio.start_server(serve, ports.LOOPBACK, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "index.html").write_text("<h1>shop</h1>")
    (folder / ".secret").write_text("no")
    return folder


@asynccontextmanager
async def caddy(tmp_path: Path, upstreams: dict[str, str], web: Path) -> AsyncIterator[httpx.AsyncClient]:
    port = ports.free_port()
    config = tmp_path / "caddy.json"
    config.write_text(json.dumps(gateway.caddy_config(gateway.routes(BASE), upstreams, port, tmp_path, web)))
    log = tmp_path / "caddy.log"
    with children.running(gateway.command(gateway.find_caddy(), config), log) as child:
        children.await_ready("Caddy", lambda: ports.answers(port), lambda: child.poll() is None, log, 20)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client


def test_what_a_service_takes_in_is_not_too_large_for_the_gateway() -> None:
    assert set(gateway.LARGE_BODIES) == set(LARGE_BODIES)


def test_the_gateway_drops_idle_connections_before_a_service_does(tmp_path: Path) -> None:
    config = gateway.caddy_config([Route("/", False, None, "one")], {"one": "127.0.0.1:1"}, 1, tmp_path)
    kept = {"idle_timeout": f"{gateway.UPSTREAM_IDLE_SECONDS}s"}
    assert f'"keep_alive": {json.dumps(kept)}' in json.dumps(config)
    settings = ServiceSettings(service_name="tested", mongodb_database="unused", http_port=0)
    assert http_server(FastAPI(), settings).config.timeout_keep_alive > gateway.UPSTREAM_IDLE_SECONDS


async def test_caddy_routes_guards_and_streams(tmp_path: Path, web: Path) -> None:
    release = asyncio.Event()
    async with upstream(release) as port:
        upstreams = dict.fromkeys(SERVICES, f"127.0.0.1:{port}") | {
            "session": f"127.0.0.1:{ports.free_port()}"
        }
        async with caddy(tmp_path, upstreams, web) as client:
            echoed = await client.get("/v1/products/prd_1?q=a", headers={"X-Forwarded-For": "6.6.6.6"})
            assert echoed.text.startswith("GET /v1/products/prd_1?q=a HTTP/1.1")
            assert "X-Forwarded-For: 127.0.0.1\r\n" in echoed.text, "a client's own claim must not pass"
            assert echoed.headers["x-content-type-options"] == "nosniff"
            assert "server" not in echoed.headers

            page = await client.get("/")
            assert page.text == "<h1>shop</h1>"
            policy = page.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in policy
            assert "require-trusted-types-for 'script'" in policy
            for path in ("/v1/sessions", "/.secret", "/metrics"):
                refused = await client.get(path)
                assert (refused.status_code, refused.headers["content-type"]) == (
                    404,
                    "application/problem+json",
                )
                assert refused.json()["status"] == 404
            assert refused.headers["x-content-type-options"] == "nosniff"
            too_long = await client.post("/v1/orders", content=bytes(10_000_000))
            assert (too_long.status_code, too_long.json()["status"]) == (413, 413)
            imported = await client.post("/v1/products/imports", content=bytes(10_000_000))
            assert imported.status_code == 200, "catalog bounds it by itself"
            assert (await client.get("/v1/session")).status_code == 502, (
                "a stopped service is not a missing route"
            )

            async with client.stream("GET", "/v1/notifications/stream") as response:
                events = response.aiter_lines()
                assert await asyncio.wait_for(anext(events), 5) == "data: first"
                release.set()
                assert [line async for line in events if line] == ["data: last"]
