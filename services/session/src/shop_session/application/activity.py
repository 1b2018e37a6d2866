"""Activity: what visitors look at and for how long, told to the topic once it is sure to be there.

Nothing here is a transaction. Events are produced first and remembered afterwards, so that none is lost; one
whose memory was lost to a crash is produced again under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shop_events.contracts import Event, Fact
from shop_events.contracts.session import PageEngaged, PageViewed, activity_event_id
from shop_events.envelope import Message, encode, envelope_for
from shop_session.application.sessions import live
from shop_session.domain.activity import REMEMBERED, Outcome, Report, Result, Visitor, objection
from shop_session.domain.recent import Viewed, newest
from shop_session.domain.sessions import Session
from shop_session.store.unit_of_work import SessionUnitOfWork, Transact

_NO_SEQUENCE = 0


class Telemetry(Protocol):
    """Puts records into topics."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Return once they are there; raises when they may not be."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """An event that may be news. ``at`` is the client's time, as it was told."""

    id: str
    at: datetime
    event_id: str
    event: Event

    @classmethod
    def of(cls, report: Report, visitor: Visitor, now: datetime) -> _Offer:
        event_id = activity_event_id(visitor.visitor_id, report.id)
        return cls(report.id, report.at, event_id, report.event(visitor, min(report.at, now)))

    @property
    def view_id(self) -> str | None:
        return self.event.view_id if isinstance(self.event, PageEngaged) else None


@dataclass
class _Batch:
    """What of a batch is news: ``events`` by their ids, and how long views have lasted by now."""

    now: datetime
    known: set[str]
    known_totals: dict[str, int]
    events: dict[str, Event] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def judge(self, offer: _Offer) -> Result:
        """Take an event in if it is news, and say what became of it."""
        if reason := objection(offer.at, self.now):
            return Result(offer.id, Outcome.REJECTED, reason)
        if offer.event_id in self.known or offer.event_id in self.events or not self._progresses(offer.event):
            return Result(offer.id, Outcome.DUPLICATE)
        self.events[offer.event_id] = offer.event
        return Result(offer.id, Outcome.ACCEPTED)

    def _progresses(self, event: Event) -> bool:
        """Say whether an event tells more than is known: the time that a view was engaged only grows."""
        if not isinstance(event, PageEngaged):
            return True
        view_id, total = event.view_id, event.milliseconds
        if total <= max(self.known_totals.get(view_id, 0), self.totals.get(view_id, 0)):
            return False
        self.totals[view_id] = total
        return True


class ActivityDesk:
    """Takes in what visitors' clients tell about them."""

    def __init__(self, transact: Transact, telemetry: Telemetry) -> None:
        self._transact = transact
        self._telemetry = telemetry

    async def record(self, digest: str, told: Sequence[Report | Result]) -> list[Result]:
        """Pass on what is news, and return what became of each event; a Result is passed through.

        Without consent to analytics nothing is passed on or kept.

        Raises:
            SessionEnded: the session is over.
            TelemetryUnavailable: the topic cannot be reached; the batch can be sent again.
        """
        session = await self._transact.read(live, digest)
        if not session.consent.analytics:
            return ignored(told, "no consent")
        batch, results = await self._transact.read(_sift, session, told)
        if batch.events:
            await self._telemetry.send([_message(*each) for each in batch.events.items()])
            await self._transact.read(_remember, session, batch)
        return results


def ignored(told: Sequence[Report | Result], reason: str) -> list[Result]:
    """Return that nothing was done about any event, except that what is wrong is wrong."""
    return [each if isinstance(each, Result) else Result(each.id, Outcome.IGNORED, reason) for each in told]


async def _sift(
    uow: SessionUnitOfWork, session: Session, told: Sequence[Report | Result]
) -> tuple[_Batch, list[Result]]:
    visitor = Visitor(session.visitor_id, session.user_id, session.consent.marketing)
    offers = [each if isinstance(each, Result) else _Offer.of(each, visitor, uow.now) for each in told]
    fresh = [each for each in offers if isinstance(each, _Offer)]
    known, totals = await asyncio.gather(
        uow.told.known([each.event_id for each in fresh]),
        uow.engagement.totals(visitor.visitor_id, {each.view_id for each in fresh if each.view_id}),
    )
    batch = _Batch(uow.now, known, totals)
    return batch, [each if isinstance(each, Result) else batch.judge(each) for each in offers]


async def _remember(uow: SessionUnitOfWork, session: Session, batch: _Batch) -> None:
    """Keep what was told; the ids come last, because with them the rest counts as kept."""
    kept_until = batch.now + REMEMBERED
    viewed = newest(
        Viewed(event.product_id, event.at)
        for event in batch.events.values()
        if isinstance(event, PageViewed) and event.product_id
    )
    if viewed:
        await uow.recent.add(session.owner, viewed)
    if batch.totals:
        await uow.engagement.remember(session.visitor_id, batch.totals, kept_until)
    await uow.told.remember(batch.events, kept_until)


def _message(event_id: str, event: Event) -> Message:
    return encode(envelope_for(Fact(event, _NO_SEQUENCE), "session", event_id), event)
