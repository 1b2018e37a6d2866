"""What surrounds each request, as plain ASGI: trace, log, metrics, bounds, security headers, last resort."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shop_chassis.problems import HeadersTooLarge, PayloadTooLarge, Problem, Unavailable
from shop_events.context import Trace, current_trace, use_trace
from shop_events.spans import current_tracer, failed, working

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram(
    "http_request_duration_seconds",
    "Time from the request's arrival to the end of its answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being served now")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TRACEPARENT = re.compile(
    r"(?!ff|00.{53}-)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?"
)
_CORRELATION = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MOST_HEADERS = 100
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_HTTPS_SECURITY_HEADERS = (
    *_SECURITY_HEADERS,
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
)
_OPERATIONAL = frozenset({"/health/live", "/health/ready", "/metrics"})

log = structlog.get_logger("shop_chassis.http")


class Observed:
    """Gives each request a trace, a log line and figures, and answers 500 to what nobody caught.

    Neither the log nor the metrics name the path or the client: the route's template stands for them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        IN_FLIGHT.inc()
        try:
            await self._traced(scope, receive, send)
        finally:
            IN_FLIGHT.dec()

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace, parent = trace_of(scope["headers"])
        tracer = None if scope["path"] in _OPERATIONAL else current_tracer()
        if tracer is None:
            with use_trace(trace):
                await self._observe(scope, receive, send, trace)
            return
        attributes = {"http.request.method": _method(scope), "url.scheme": scope["scheme"]}
        begun = replace(trace, traceparent=parent or trace.traceparent)
        with working(tracer, _method(scope), SpanKind.SERVER, attributes, begun, root=parent is None) as span:
            status = await self._observe(scope, receive, send, current_trace() or trace)
            span.update_name(f"{_method(scope)} {route_of(scope)}")
            span.set_attribute("http.route", route_of(scope))
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                failed(span, str(status))

    async def _observe(self, scope: Scope, receive: Receive, send: Send, trace: Trace) -> int:
        started, status = time.perf_counter(), 0
        correlated = (b"x-correlation-id", trace.correlation_id.encode())

        async def remembering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), correlated]
            await send(message)

        try:
            await self._app(scope, receive, remembering)
        except Exception:
            log.exception("unexpected error", route=route_of(scope), method=scope["method"])
            if status:
                raise  # too late for another answer: the server cuts the connection
            await Problem().response()(scope, receive, remembering)
        finally:
            _record(scope, status, time.perf_counter() - started)
        return status


class Bounded:
    """Refuses what is too large or too much, before it costs anything.

    The body is counted while it is read, so that a chunked one, or one that lies about its length, is bounded
    as well. Health and metrics are served whatever the load.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes: int,
        header_bytes: int,
        in_flight: int,
        larger: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._body_bytes = body_bytes
        self._larger = dict(larger or {})
        self._header_bytes = header_bytes
        self._free = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPERATIONAL:
            await self._app(scope, receive, send)
            return
        if refusal := self._refusal(scope):
            await refusal.response()(scope, receive, send)
            return
        self._free -= 1
        try:
            await self._app(scope, self._counting(receive, self._bound(scope)), send)
        finally:
            self._free += 1

    def _refusal(self, scope: Scope) -> Problem | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        size, length = 0, b"0"
        for name, value in headers:
            size += len(name) + len(value)
            if name == b"content-length":
                length = value
        if size > self._header_bytes or len(headers) > _MOST_HEADERS:
            return HeadersTooLarge()
        if not length.isdigit() or len(length) > 18 or int(length) > self._bound(scope):
            return self._too_large(self._bound(scope))
        if self._free <= 0:
            return Unavailable("Too many requests are being served.")
        return None

    def _bound(self, scope: Scope) -> int:
        return self._larger.get(scope["path"], self._body_bytes)

    @staticmethod
    def _too_large(bound: int) -> PayloadTooLarge:
        return PayloadTooLarge(f"At most {bound} bytes are read.", headers={"Connection": "close"})

    def _counting(self, receive: Receive, bound: int) -> Receive:
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > bound:
                raise self._too_large(bound)
            return message

        return counted


class SecurityHeaders:
    """Adds the headers that tell browsers to do nothing with an API's answers but read them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = _SECURITY_HEADERS if scope["scheme"] != "https" else _HTTPS_SECURITY_HEADERS

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = list(message.get("headers", ()))
                names = {name.lower() for name, _ in present}
                present += [header for header in wanted if header[0] not in names]
                message["headers"] = present
            await send(message)

        await self._app(scope, receive, secured)


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[Trace, str | None]:
    """Return the trace a request belongs to (W3C Trace Context, section 3.2), a new one where it names none.

    Our place in it is new in both cases; the place of the client, if it named one, is returned beside it. The
    correlation id is the client's, if it is of a harmless form, else the trace id.
    """
    parent = correlation = ""
    for name, value in headers:
        if name == b"traceparent":
            parent = parent or value.decode("latin-1")
        elif name == b"x-correlation-id":
            correlation = correlation or value.decode("latin-1")
    known = _TRACEPARENT.fullmatch(parent) if parent else None
    fresh = Trace.start(correlation if _CORRELATION.fullmatch(correlation) else known and known[1])
    if known is None:
        return fresh, None
    _, _, span_id, _ = fresh.traceparent.split("-")
    return Trace(f"00-{known[1]}-{span_id}-{known[2]}", fresh.correlation_id), parent


def route_of(scope: Scope) -> str:
    """Return the template of the matched route, for instance ``/v1/orders/{id}``; never the path itself."""
    route: Any = scope.get("route")
    return getattr(route, "path", None) or "unmatched"


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "OTHER"


def _record(scope: Scope, status: int, seconds: float) -> None:
    route = route_of(scope)
    method = _method(scope)
    answered, duration = _series(method, route, status)
    answered.inc()
    duration.observe(seconds)
    write = log.debug if scope["path"] in _OPERATIONAL else log.info
    write("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


@lru_cache(maxsize=1000)
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return the figures of one kind of request; finding them by their labels costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), DURATION.labels(method, route)
