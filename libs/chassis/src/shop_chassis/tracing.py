"""Spans leave the process from here, when an endpoint is set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shop_chassis.settings import ServiceSettings
from shop_events.spans import record_with


@contextmanager
def exported_spans(settings: ServiceSettings) -> Iterator[None]:
    """Record and export spans for the block; what still waits at its end is exported then."""
    if settings.otel_exporter_otlp_endpoint is None:
        yield
        return
    from shop_chassis.span_recorder import export_to, span_recorder  # noqa: PLC0415 - loaded where it is used

    provider = span_recorder(settings)
    export_to(provider, str(settings.otel_exporter_otlp_endpoint).rstrip("/"))
    record_with(provider)
    try:
        yield
    finally:
        record_with(None)
        provider.shutdown()
