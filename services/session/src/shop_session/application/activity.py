"""Activity: what visitors look at and for how long, told to the topic once it is sure to be there.

Nothing here is a transaction. Events are produced first and remembered afterwards, so that none is lost; one
whose memory was lost to a crash is produced again under the same id. Requests that come at the same time
share their queries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol

from shop_events.context import Trace, current_trace
from shop_events.contracts import Event
from shop_events.contracts.session import PageEngaged, PageViewed, activity_event_id
from shop_events.envelope import Envelope, Message, encode
from shop_events.gathering import Gathered
from shop_session.application import sessions
from shop_session.application.memory import Memory
from shop_session.domain.activity import Outcome, Report, Result, Visitor, objection
from shop_session.domain.attention import News, Remembered, mark
from shop_session.domain.recent import Viewed, newest
from shop_session.domain.sessions import Session
from shop_session.store.unit_of_work import SessionUnitOfWork, Transact

_NO_SEQUENCE = 0
_MOST_OWNERS = 20_000
"""Owners of sessions that are remembered by their digests."""


class Telemetry(Protocol):
    """Puts records into topics."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Return once they are there; raises when they may not be."""


@dataclass
class _Batch:
    """What of a batch is news: events by their marks, totals by the marks of their views."""

    session: Session
    known: Remembered
    now: datetime
    events: dict[int, tuple[str, Event]] = field(default_factory=dict)
    totals: dict[int, int] = field(default_factory=dict)

    @cached_property
    def visitor(self) -> Visitor:
        """Who it is about."""
        return Visitor(self.session.visitor_id, self.session.user_id, self.session.consent.marketing)

    def judge(self, report: Report) -> Result:
        """Take an event in if it is news, and say what became of it."""
        if reason := objection(report.at, self.now):
            return Result(report.id, Outcome.REJECTED, reason)
        event_id = activity_event_id(self.session.visitor_id, report.id)
        key, event = mark(event_id), report.event(self.visitor, min(report.at, self.now))
        if key in self.known.told or key in self.events or not self._progresses(event):
            return Result(report.id, Outcome.DUPLICATE)
        self.events[key] = event_id, event
        return Result(report.id, Outcome.ACCEPTED)

    def messages(self) -> list[Message]:
        """Return the news as records."""
        now, trace = datetime.now(UTC), current_trace() or Trace.start()
        return [
            encode(Envelope(event_id, event.event_type, "session", now, _NO_SEQUENCE, trace), event)
            for event_id, event in self.events.values()
        ]

    def news(self) -> News:
        """Return what is to be remembered of it."""
        viewed = newest(
            Viewed(event.product_id, event.at)
            for _, event in self.events.values()
            if isinstance(event, PageViewed) and event.product_id
        )
        return News(self.session.owner, list(self.events), self.totals, viewed, self.known.is_long)

    def _progresses(self, event: Event) -> bool:
        """Say whether an event tells more than is known: the time that a view was engaged only grows."""
        if not isinstance(event, PageEngaged):
            return True
        view, total = mark(event.visitor_id, event.view_id), event.milliseconds
        if total <= max(self.known.totals.get(view, 0), self.totals.get(view, 0)):
            return False
        self.totals[view] = total
        return True


class ActivityDesk:
    """Takes in what visitors' clients tell about them."""

    def __init__(self, transact: Transact, telemetry: Telemetry) -> None:
        self._transact = transact
        self._telemetry = telemetry
        self._memory = Memory(transact)
        self._owners: dict[str, str] = {}
        self._found = Gathered(self._find)

    async def record(self, digest: str, told: Sequence[Report | Result]) -> list[Result]:
        """Pass on what is news, and return what became of each event; a Result is passed through.

        Without consent to analytics nothing is passed on or kept.

        Raises:
            SessionEnded: the session is over.
            TelemetryUnavailable: the topic cannot be reached; the batch can be sent again.
        """
        session, changes = await self._who(digest)
        if not session.consent.analytics:
            return ignored(told, "no consent")
        known = await self._memory.of(session.owner, await changes)
        batch = await self._transact.read(_begin, session, known)
        results = [each if isinstance(each, Result) else batch.judge(each) for each in told]
        if batch.events:
            await self._telemetry.send(batch.messages())
            await self._memory.add(known, batch.news())
        return results

    async def _who(self, digest: str) -> tuple[Session, Awaitable[int]]:
        """Return a live session, and how often its owner's memory has changed, asked for at the same time.

        Whom a digest belongs to never changes: linking makes a new string. Whether it still does is asked.
        """
        guess = self._owners.get(digest)
        guessed = self._memory.changes(guess) if guess else None
        session = await self._transact.read(sessions.use, await self._found(digest))
        owner_id = session.owner.id
        if guessed is not None and owner_id == guess:
            return session, guessed
        self._owners[digest] = owner_id
        if len(self._owners) > _MOST_OWNERS:
            del self._owners[next(iter(self._owners))]
        return session, self._memory.changes(owner_id)

    async def _find(self, digests: Sequence[str]) -> list[Session | None]:
        async def work(uow: SessionUnitOfWork) -> list[Session | None]:
            return await uow.sessions.find_all(digests)

        return await self._transact.read(work)


def ignored(told: Sequence[Report | Result], reason: str) -> list[Result]:
    """Return that nothing was done about any event, except that what is wrong is wrong."""
    return [each if isinstance(each, Result) else Result(each.id, Outcome.IGNORED, reason) for each in told]


async def _begin(uow: SessionUnitOfWork, session: Session, known: Remembered) -> _Batch:
    return _Batch(session, known, uow.now)
