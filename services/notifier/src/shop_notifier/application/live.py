"""A site inbox as it changes: who watches, how far each has come, and what is new since.

What wakes a watcher carries nothing: each asks the database what is new to them. So nothing piles up for one
who reads slowly, and a wake too many or a change that was missed does no harm.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from shop_notifier.application import clock, inbox
from shop_notifier.domain.access import Caller
from shop_notifier.domain.errors import TooManyStreams, TooManyWatchers
from shop_notifier.domain.inbox import Entry
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

MOST_AT_ONCE = 100
"""Most entries that are told one by one; whoever missed more has to look at the whole inbox."""

_LATE = timedelta(seconds=90)
"""How long after its time an entry may become visible: MongoDB ends a transaction after 60 s."""

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_REMEMBERED = 32
_NAME_LENGTH = 12

_ASKING_AT_ONCE = 8


class Watchers:
    """Who watches their inbox in this process.

    Args:
        most: how many there may be.
        most_per_user: how many of them may be one user's.
    """

    def __init__(self, most: int, most_per_user: int) -> None:
        self._most = most
        self._most_per_user = most_per_user
        self._woken: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.asking = asyncio.Semaphore(_ASKING_AT_ONCE)

    def __len__(self) -> int:
        return sum(map(len, self._woken.values()))

    @contextmanager
    def watching(self, user_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the user's inbox may have changed.

        Raises:
            TooManyStreams: the user watches too often already.
            TooManyWatchers: too many watch.
        """
        if len(self._woken.get(user_id, ())) >= self._most_per_user:
            raise TooManyStreams(f"At most {self._most_per_user} streams of one user are open at a time.")
        if len(self) >= self._most:
            raise TooManyWatchers
        woken = asyncio.Event()
        self._woken[user_id].add(woken)
        try:
            yield woken
        finally:
            self._woken[user_id].discard(woken)
            if not self._woken[user_id]:
                del self._woken[user_id]

    def changed(self, user_id: str | None) -> None:
        """Wake all who watch the inbox of a user; None: everybody."""
        watched = self._woken.values() if user_id is None else [self._woken.get(user_id, set())]
        for woken in (each for events in watched for each in events):
            woken.set()


@dataclass(slots=True)
class Progress:
    """How far somebody has come in their inbox.

    Entries become visible a little out of order, so that a time alone would let a late one go unseen. Hence
    the entries seen lately are remembered by name, the end of their id.
    """

    at: datetime
    _seen: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def resumed(cls, at: datetime, names: Iterable[str]) -> Self:
        """Return the progress that had come to a time and seen these last."""
        at = max(_LONG_AGO, min(at, clock.now()))
        return cls(at, dict.fromkeys(names, at))

    @property
    def since(self) -> datetime:
        """What was made before has been seen."""
        return self.at - _LATE

    @property
    def names(self) -> list[str]:
        """The names of the entries seen last, some at most."""
        return list(self._seen)[-_REMEMBERED:]

    def knows(self, entry: Entry) -> bool:
        """Say whether an entry has been seen."""
        return _name(entry) in self._seen

    def see(self, entry: Entry) -> None:
        """Remember an entry as seen."""
        self.at = max(self.at, entry.created_at)
        self._seen[_name(entry)] = entry.created_at
        self._seen = {name: at for name, at in self._seen.items() if at > self.since}


@dataclass(frozen=True, slots=True)
class News:
    """What is new: entries, oldest first; or, where they are too many, only that the inbox is another."""

    entries: list[Entry]
    unread: int
    too_many: bool = False


async def begin(uow: NotifierUnitOfWork, caller: Caller) -> Progress:
    """Return the progress of somebody who knows the inbox as it is now."""
    progress = Progress(clock.now())
    for entry in (await inbox.page(uow, caller, MOST_AT_ONCE, since=progress.since)).entries:
        progress.see(entry)
    return progress


async def news(uow: NotifierUnitOfWork, caller: Caller, progress: Progress) -> News:
    """Return what the caller has not seen; where it is too much, it counts as seen."""
    found = await inbox.page(uow, caller, MOST_AT_ONCE, since=progress.since)
    new = [entry for entry in reversed(found.entries) if not progress.knows(entry)]
    if len(new) < MOST_AT_ONCE:
        return News(new, found.unread)
    for entry in new:
        progress.see(entry)
    return News([], found.unread, too_many=True)


def _name(entry: Entry) -> str:
    return entry.id[-_NAME_LENGTH:]
