"""The trace a piece of work belongs to, carried by a context variable from HTTP or Kafka to the outbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Trace(NamedTuple):
    """Where the work comes from.

    Args:
        traceparent: W3C Trace Context header value, ``00-<trace id>-<span id>-<flags>``.
        correlation_id: one for everything a single request set in motion.
        causation_id: id of the event that is being handled, if any.
    """

    traceparent: str
    correlation_id: str
    causation_id: str | None = None

    @classmethod
    def start(cls, correlation_id: str | None = None) -> Trace:
        """Begin a new trace (W3C Trace Context, section 3.2)."""
        random = os.urandom(24).hex()
        trace_id = random[:32]
        return cls(f"00-{trace_id}-{random[32:]}-01", correlation_id or trace_id)


_current: ContextVar[Trace | None] = ContextVar("shop_trace", default=None)


def current_trace() -> Trace | None:
    """Return the trace of the work in hand, or None outside of any."""
    return _current.get()


@contextmanager
def use_trace(trace: Trace) -> Iterator[Trace]:
    """Make ``trace`` the current one for the block."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
