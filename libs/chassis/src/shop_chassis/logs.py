"""Structured logs: a JSON object a line on stdout, with trace ids, without secrets or people."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, TextIO

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
_HANDLE_THEIR_OWN = ("uvicorn", "faust", "mode")


def configure_logging(service: str, *, level: str = "INFO", form: str = "json", instance: str = "") -> None:
    """Send the logs of this process, also those of libraries, to stdout.

    Libraries are heard from WARNING on, whatever the level: below it some write bodies, addresses and keys.

    Args:
        service: added to each line.
        level: least severe level of our own lines.
        form: ``json``, or ``console`` for eyes.
        instance: added to each line when given.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _identified(service, instance),
        traced,
        redacted,
        structlog.processors.StackInfoRenderer(),
    ]
    # Our own lines go straight to stdout: through logging's records each of them costs twice as much.
    structlog.configure(
        processors=[*shared, *_renderers(form)],
        logger_factory=partial(_Line, sys.stdout),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form)],
        )
    )
    logging.basicConfig(
        handlers=[handler], level=max(logging.WARNING, logging.getLevelName(level)), force=True
    )
    for name in (f"shop_{service}", "shop_chassis", "shop_events"):
        logging.getLogger(name).setLevel(level)
    for name in _HANDLE_THEIR_OWN:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.NOTSET)


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
    if isinstance(key, str) and _is_sensitive(key):
        return value if value is None or isinstance(value, bool) else REDACTED
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_clean(None, each) for each in value]
    return value


@lru_cache(maxsize=1000)
def _is_sensitive(key: str) -> bool:
    lower = key.lower()
    return any(word in lower for word in _SENSITIVE)


def _identified(service: str, instance: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        if instance:
            event["instance"] = instance
        return event

    return add


class _Line(structlog.WriteLogger):
    """Writes a line; ``name`` is the logger's."""

    def __init__(self, file: TextIO, name: str = "") -> None:
        super().__init__(file)
        self.name = name


def _renderers(form: str) -> list[Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=repr).decode()
