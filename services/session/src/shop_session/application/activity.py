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
from typing import NamedTuple, Protocol

import orjson

from shop_events.context import Trace, current_trace
from shop_events.contracts import Event
from shop_events.contracts.session import PageEngaged, PageViewed, activity_event_id
from shop_events.envelope import Envelope, Message, headers_for
from shop_events.gathering import Gathered
from shop_session.application import sessions
from shop_session.application.memory import Memory
from shop_session.domain.activity import Fields, Outcome, Report, Result, Visitor, objection
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


class _Told(NamedTuple):
    """An event that is news."""

    id: str
    contract: type[Event]
    fields: Fields


@dataclass
class _Batch:
    """What of a batch is news: events by their marks, totals by the marks of their views."""

    session: Session
    known: Remembered
    now: datetime
    events: dict[int, _Told] = field(default_factory=dict)
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
        key = mark(event_id)
        if key in self.known.told or key in self.events:
            return Result(report.id, Outcome.DUPLICATE)
        contract, fields = report.contract, report.fields(self.visitor, min(report.at, self.now))
        if contract is PageEngaged and not self._progresses(fields):
            return Result(report.id, Outcome.DUPLICATE)
        self.events[key] = _Told(event_id, contract, fields)
        return Result(report.id, Outcome.ACCEPTED)

    def messages(self) -> list[Message]:
        """Return the news as records."""
        shared = self._shared_headers()
        return [
            Message(
                contract.topic,
                self.session.visitor_id,
                {**shared, "ce_id": event_id, "ce_type": contract.event_type},
                orjson.dumps(fields, option=orjson.OPT_UTC_Z),
            )
            for event_id, contract, fields in self.events.values()
        ]

    def news(self) -> News:
        """Return what is to be remembered of it."""
        viewed = newest(
            Viewed(told.fields["product_id"], told.fields["at"])
            for told in self.events.values()
            if told.contract is PageViewed and told.fields["product_id"]
        )
        return News(self.session.owner, list(self.events), self.totals, viewed, self.known.is_long)

    def _shared_headers(self) -> dict[str, str]:
        """Return the headers of an envelope, those in which the events of a batch differ left to them."""
        trace = current_trace() or Trace.start()
        envelope = Envelope("", "", "session", datetime.now(UTC), _NO_SEQUENCE, trace)
        return headers_for(envelope, with_value=True)

    def _progresses(self, fields: Fields) -> bool:
        """Say whether more is told than is known: the time that a view was engaged only grows."""
        view, total = mark(fields["visitor_id"], fields["view_id"]), fields["milliseconds"]
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
