"""The OpenTelemetry SDK as our processes use it. Imported only where spans are exported."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from shop_chassis.settings import ServiceSettings

_EXPORTED_WITHIN_SECONDS = 5


def span_recorder(settings: ServiceSettings) -> TracerProvider:
    """Return what records spans in this process's name; it exports them nowhere yet.

    Whether a trace is recorded is read off its id, by each process anew. So all processes agree, a trace that
    began where nothing is recorded counts like any other, and no client can ask for more by a flag.
    """
    of_its_id = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    return TracerProvider(
        sampler=ParentBased(root=of_its_id, remote_parent_sampled=of_its_id),
        resource=Resource.create(
            {
                "service.namespace": "shopstream",
                "service.name": settings.service_name,
                "service.instance.id": settings.instance_id,
            }
        ),
    )


def export_to(provider: TracerProvider, endpoint: str) -> None:
    """Export what ``provider`` records, by OTLP over HTTP, in a thread and through a bounded queue."""
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=_EXPORTED_WITHIN_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
