"""What time it is: the system's, unless a test has set another one for the work in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


_current: ContextVar[Clock] = ContextVar("shop_clock", default=_system)


def now() -> datetime:
    """Return the time in UTC."""
    return _current.get()()


@contextmanager
def use_clock(clock: Clock) -> Iterator[None]:
    """Let ``clock`` say what time it is for the block and the tasks it starts."""
    token = _current.set(clock)
    try:
        yield
    finally:
        _current.reset(token)
