"""Structured logs: a JSON object a line on stdout, with trace ids, without secrets or people."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shop_events.context import current_trace

REDACTED = "[redacted]"
_SENSITIVE = (
    "password",
    "token",
    "authorization",
    "secret",
    "cookie",
    "email",
    "phone",
    "session",
    "api_key",
)
_QUIET = ("aiokafka", "pymongo", "uvicorn", "asyncio", "httpx", "urllib3", "faust", "mode")


def configure_logging(service: str, *, level: str = "INFO", form: str = "json", instance: str = "") -> None:
    """Send the logs of this process, also those of libraries, to stdout.

    Args:
        service: added to each line.
        level: least severe level; libraries are heard from WARNING on.
        form: ``json``, or ``console`` for eyes.
        instance: added to each line when given.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _identified(service, instance),
        traced,
        redacted,
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_formatter(shared, form))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(logging.WARNING, logging.getLevelName(level)))


def traced(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the ids of the trace that the work in hand belongs to."""
    if trace := current_trace():
        event.setdefault("trace_id", trace.traceparent.split("-")[1])
        event.setdefault("correlation_id", trace.correlation_id)
        if trace.causation_id:
            event.setdefault("causation_id", trace.causation_id)
    return event


def redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace the values of all keys that name a secret or something personal, at any depth."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: object, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {inner: _clean(inner, each) for inner, each in value.items()}
    if isinstance(key, str) and any(word in key.lower() for word in _SENSITIVE):
        return value if value is None or isinstance(value, bool) else REDACTED
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_clean(None, each) for each in value]
    return value


def _identified(service: str, instance: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        if instance:
            event["instance"] = instance
        return event

    return add


def _formatter(shared: Sequence[Processor], form: str) -> logging.Formatter:
    render: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=repr).decode()
