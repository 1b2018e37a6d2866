"""Answers kept ready in memory, for as long as somebody says when what they are made of changes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

T = TypeVar("T")

_OVERHEAD = 600
"""Bytes that an entry takes beside what it holds, about."""


class KeptAnswers(Generic[T]):
    """What was made of products, the most lately wanted of it, each with the products it depends on.

    It is as fresh as :meth:`hear` is called: nothing is given out once that has not happened for ``patience``
    seconds, and all is forgotten when changes go unheard. What was read before a change is not kept after it.

    Args:
        most_bytes: how much is kept; 0 keeps nothing.
        patience: seconds without a word after which the changes may not be known.
    """

    def __init__(
        self, most_bytes: int, patience: float = 3.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most_bytes
        self._patience = patience
        self._clock = clock
        self._heard_at: float | None = None
        self._changes = 0
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._of_all: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether changes are being heard, and there is room for anything."""
        heard_at = self._heard_at
        return self._most > 0 and heard_at is not None and self._clock() - heard_at < self._patience

    def find(self, key: str) -> T | None:
        """Return what is kept under ``key``, None where that is nothing that can be relied on."""
        entry = self._kept.get(key)
        if entry is None or not self.is_open:
            return None
        self._kept.move_to_end(key)
        return entry[0]

    def mark(self) -> int:
        """Return what :meth:`keep` wants to know: asked before the read that an answer is made of."""
        return self._changes

    def keep(self, key: str, answer: T, size: int, mark: int, *, of_all: bool = False) -> None:
        """Keep an answer, unless anything has changed since ``mark``.

        Args:
            key: a product's id, or any name for what is made of many.
            answer: what is kept.
            size: its bytes, about.
            mark: of before it was read.
            of_all: whether a change of any product makes it void.
        """
        size += len(key) + _OVERHEAD
        if mark != self._changes or not self.is_open or size > self._most // 8:
            return
        self._drop(key)
        self._kept[key] = answer, size
        self._bytes += size
        if of_all:
            self._of_all.add(key)
        while self._bytes > self._most:
            self._drop(next(iter(self._kept)))

    def hear(self, product_ids: Collection[str]) -> None:
        """Drop what is made of these products; all that is kept besides is up to date."""
        self._heard_at = self._clock()
        if not product_ids:
            return
        self._changes += 1
        for key in [*product_ids, *self._of_all]:
            self._drop(key)

    def lose(self) -> None:
        """Forget everything, and keep nothing until changes are heard again."""
        self._heard_at = None
        self._changes += 1
        self._kept.clear()
        self._of_all.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        entry = self._kept.pop(key, None)
        if entry is not None:
            self._bytes -= entry[1]
            self._of_all.discard(key)


class Keeper(Generic[T]):
    """Keeps one answer that is made of many products; made before any of them is read.

    Args:
        kept: where it is kept.
        key: its name; None keeps nothing.
    """

    def __init__(self, kept: KeptAnswers[T], key: str | None) -> None:
        self._kept = kept
        self._key = key
        self._mark = kept.mark()

    def keep(self, answer: T, size: int) -> None:
        """Keep an answer of about ``size`` bytes."""
        if self._key is not None:
            self._kept.keep(self._key, answer, size, self._mark, of_all=True)
