"""Spans of what the backbone does, by OpenTelemetry's conventions for messaging.

Nothing is recorded, and next to nothing is spent, until the process calls :func:`record_with`. The place in
the trace is that of :mod:`shop_events.context`: it travels in outbox rows and topics whether spans are
recorded or not. Attributes are topics, groups, places, counts and event ids: never a key, never what an event
says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    set_span_in_context,
)

from shop_events.context import Trace, use_trace

Attributes = Mapping[str, str | int]

_MOST_LINKS = 128
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class _Recording:
    tracer: Tracer | None = None


def record_with(provider: TracerProvider | None) -> None:
    """Let ``provider`` record spans from now on; with None, nobody does.

    The API's global provider is not asked: that costs more than a microsecond, for each event.
    """
    _Recording.tracer = provider.get_tracer("shop_events") if provider else None


def current_tracer() -> Tracer | None:
    """Return what records spans; None when this process records none."""
    return _Recording.tracer


@contextmanager
def working(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Attributes, trace: Trace, *, root: bool = False
) -> Iterator[Span]:
    """Do the block as a span below ``trace``, or as the first of its own (``root``).

    The block's current trace is the span's. One that fails tells the error's class and nothing else.
    """
    parent = Context() if root else _below(_place(trace.traceparent))
    with (
        tracer.start_as_current_span(
            name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span,
        use_trace(_moved(trace, span)),
    ):
        try:
            yield span
        except BaseException as error:
            failed(span, type(error).__qualname__)
            raise


def begun(name: str) -> AbstractContextManager[Any]:
    """Return what work runs in that nobody outside asked for: a trace of its own, beginning with a span."""
    tracer, trace = current_tracer(), Trace.start()
    if tracer is None:
        return use_trace(trace)
    return working(tracer, name, SpanKind.INTERNAL, {}, trace, root=True)


def failed(span: Span, error_type: str) -> None:
    """Mark a span as one of work that failed."""
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", error_type)


def created(trace: Trace | None, topic: str, event_id: str) -> Trace:
    """Note that an event comes into being; return the trace that it carries to its readers."""
    tracer = current_tracer()
    known = trace or Trace.start()
    if tracer is None:
        return known
    attributes = {**_messaging("create", topic), "messaging.message.id": event_id}
    with working(tracer, f"create {topic}", SpanKind.PRODUCER, attributes, known, root=trace is None) as span:
        return _moved(known, span)


def sending(traceparents: Iterable[str]) -> AbstractContextManager[Any]:
    """Return the span of a batch on its way to the broker, given the places where its records were created.

    It stands below the first of them that is recorded, and is linked to the others.
    """
    tracer = current_tracer()
    if tracer is None:
        return nullcontext()
    every = list(traceparents)
    recorded = [place for place in map(_place, dict.fromkeys(every)) if place.trace_flags.sampled]
    if not recorded:
        return nullcontext()
    return tracer.start_as_current_span(
        "send",
        _below(recorded[0]),
        SpanKind.CLIENT,
        {**_messaging("send"), "messaging.batch.message_count": len(every)},
        [Link(place) for place in recorded[1 : _MOST_LINKS + 1]],
        record_exception=False,
    )


def processing(
    trace: Trace, event_id: str, place: tuple[str, int, int], group: str
) -> AbstractContextManager[Any]:
    """Return what an event's handlers run in: its trace, and their span in it.

    Args:
        trace: where the event comes from.
        event_id: its id.
        place: its topic, partition and offset.
        group: who handles it.
    """
    tracer = current_tracer()
    if tracer is None:
        return use_trace(trace)
    topic, partition, offset = place
    attributes = {
        **_messaging("process", topic),
        "messaging.message.id": event_id,
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": offset,
        "messaging.consumer.group.name": group,
    }
    return working(tracer, f"process {topic}", SpanKind.CONSUMER, attributes, trace)


def _messaging(operation: str, topic: str | None = None) -> dict[str, str | int]:
    named = {} if topic is None else {"messaging.destination.name": topic}
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        **named,
    }


def _moved(trace: Trace, span: Span) -> Trace:
    """Return ``trace`` at the place of ``span``. A correlation id that nobody chose is the trace's id."""
    here = span.get_span_context()
    trace_id = f"{here.trace_id:032x}"
    chosen = trace.correlation_id != trace.traceparent[3:35]
    return Trace(
        f"00-{trace_id}-{here.span_id:016x}-{int(here.trace_flags):02x}",
        trace.correlation_id if chosen else trace_id,
        trace.causation_id,
    )


def _below(place: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(place), Context())


def _place(traceparent: str) -> SpanContext:
    """Return the place that a traceparent names; an odd one names none, below which a trace begins."""
    found = _TRACEPARENT.fullmatch(traceparent)
    trace_id, span_id, flags = (int(part, 16) for part in found.groups()[:3]) if found else (0, 0, 0)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
