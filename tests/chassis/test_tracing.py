"""Spans leave the process when an endpoint is set, and only then."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shop_chassis.tracing import exported_spans
from shop_events.spans import begun, current_tracer
from tests.chassis.conftest import TestedSettings


class Collector(HTTPServer):
    """Keeps what is exported to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_spans_are_exported_in_the_name_of_the_service_before_the_process_ends(collector: Collector) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    settings = TestedSettings.model_validate(
        {"otel_exporter_otlp_endpoint": endpoint, "otel_traces_sampler_arg": 1}
    )
    with exported_spans(settings), begun("job tidy"):
        pass
    [(path, request)] = collector.received
    [resource] = request.resource_spans
    attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert path == "/v1/traces"
    assert attributes["service.name"] == "tested"
    assert attributes["service.instance.id"] == settings.instance_id
    assert [span.name for scope in resource.scope_spans for span in scope.spans] == ["job tidy"]
    assert current_tracer() is None


def test_without_an_endpoint_nothing_is_recorded(settings: TestedSettings) -> None:
    with exported_spans(settings):
        assert current_tracer() is None


def test_a_service_that_exports_nothing_does_not_load_what_would() -> None:
    ask = "import sys, shop_chassis.cli; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
