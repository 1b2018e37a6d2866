"""Handles items in order, as many at a time as succeed together, and sets aside those that never do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class FailedAt(Exception):
    """An attempt failed, and which item's fault that was is known."""

    def __init__(self, index: int, cause: Exception) -> None:
        super().__init__(index)
        self.index = index
        self.cause = cause


class SetAside(Protocol[T_contra]):
    """Keeps a failed item for later, with what it failed of; must not fail itself."""

    async def __call__(self, item: T_contra, error: Exception, /) -> None: ...


async def settle(
    items: Sequence[T],
    attempt: Callable[[Sequence[T]], Awaitable[None]],
    set_aside: SetAside[T],
    is_nobodys_fault: Callable[[Exception], bool],
) -> None:
    """Bring every item to its end, in order: part of one successful attempt, or set aside.

    An attempt takes effect as a whole or not at all. One that fails at a known item is followed by what was
    before it, by setting that item aside, and by what comes after it. One that fails as a whole is halved.

    Raises:
        Exception: what :func:`attempt` raised, if that is nobody's fault. What is settled by then stays so.
    """
    todo: list[tuple[Sequence[T], Exception | None]] = [(items, None)]  # the last is the next
    while todo:
        part, error = todo.pop()
        if error is not None:
            await set_aside(part[0], error)
        elif part:
            try:
                await attempt(part)
            except Exception as failure:
                if is_nobodys_fault(failure):
                    raise
                todo += reversed(_after(part, failure))


def _after(part: Sequence[T], failure: Exception) -> list[tuple[Sequence[T], Exception | None]]:
    """Return what to do about a part whose attempt failed; an error stands with the item to be set aside."""
    if isinstance(failure, FailedAt):
        at = failure.index
        return [(part[:at], None), (part[at : at + 1], failure.cause), (part[at + 1 :], None)]
    if len(part) == 1:
        return [(part, failure)]
    middle = len(part) // 2
    return [(part[:middle], None), (part[middle:], None)]
