"""One batch of records as one unit of work: positions, what the events change, dead letters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shop_analytics.store.positions import Place
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events import metrics
from shop_events.contracts import Event
from shop_events.dead_letters import letter, without_notes
from shop_events.envelope import Message, decode
from shop_events.errors import MalformedEvent

GROUP = "analytics"


@dataclass(frozen=True, slots=True)
class Record:
    """One record with the place it was read from (topic without prefix)."""

    message: Message
    partition: int
    offset: int

    @property
    def place(self) -> Place:
        """Topic and partition."""
        return self.message.topic, self.partition


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as a fold takes it. ``shard`` names the source partition."""

    id: str
    event: Event
    shard: str


Fold = Callable[[AnalyticsUnitOfWork, Sequence[Arrival]], Awaitable[None]]
"""What a batch of events of one topic changes."""


class Intake:
    """Takes batches for the folds of some topics.

    Args:
        folds: what to do about the events of each topic, with the types it cares about.
    """

    def __init__(self, folds: Iterable[tuple[Fold, Iterable[type[Event]]]]) -> None:
        self._folds = {contract.event_type: fold for fold, contracts in folds for contract in contracts}

    async def take(self, uow: AnalyticsUnitOfWork, records: Sequence[Record]) -> None:
        """Count what of ``records`` was not counted before.

        Positions are written first: two owners of a partition meet there, before either has counted anything.
        """
        fresh = await _advance(uow, records)
        arrivals: dict[Fold, list[Arrival]] = defaultdict(list)
        outcomes: Counter[tuple[str, str]] = Counter()
        for record in fresh:
            self._sort_in(uow, record, arrivals, outcomes)
        for fold, events in arrivals.items():
            await fold(uow, events)
        uow.on_commit.append(lambda: _count(outcomes))

    async def bury(self, uow: AnalyticsUnitOfWork, record: Record, reason: str) -> None:
        """Pass over a record that cannot be taken: it becomes a dead letter."""
        for fresh in await _advance(uow, [record]):
            _give_up(uow, fresh, reason)
            uow.on_commit.append(lambda: _count({("unreadable", "dead"): 1}))

    def _sort_in(
        self,
        uow: AnalyticsUnitOfWork,
        record: Record,
        arrivals: Mapping[Fold, list[Arrival]],
        outcomes: Counter[tuple[str, str]],
    ) -> None:
        event_type = record.message.headers.get("ce_type", "")
        fold = self._folds.get(event_type)
        if event_type and fold is None:
            return
        try:
            received = decode(_as_published(record.message))
        except MalformedEvent as error:
            _give_up(uow, record, str(error))
            outcomes["unreadable", "dead"] += 1
            return
        assert fold
        shard = f"{received.event.topic}.{record.partition}"
        arrivals[fold].append(Arrival(received.envelope.id, received.event, shard))
        outcomes[event_type, "handled"] += 1


async def _advance(uow: AnalyticsUnitOfWork, records: Sequence[Record]) -> list[Record]:
    """Move the positions behind ``records`` and return those that were not behind them already."""
    positions = await uow.positions.next({record.place for record in records})
    after = dict(positions)
    fresh = []
    for record in records:
        if record.offset >= after[record.place]:
            after[record.place] = record.offset + 1
            fresh.append(record)
    moves = {place: (positions[place], to) for place, to in after.items() if to != positions[place]}
    await uow.positions.advance(moves)
    return fresh


def _as_published(message: Message) -> Message:
    """Return a record of the replay topic as it was first published; any other one as it is."""
    contract = Event.registry.get(message.headers.get("ce_type", ""))
    topic = contract.topic if contract else message.topic
    if topic == message.topic:
        return message
    return Message(topic, message.key, without_notes(message.headers), message.value)


def _give_up(uow: AnalyticsUnitOfWork, record: Record, reason: str) -> None:
    place = (record.message.topic, record.partition, record.offset)
    uow.send(letter(record.message, place, GROUP, reason, tries=1))


def _count(outcomes: Mapping[tuple[str, str], int]) -> None:
    for (event_type, outcome), count in outcomes.items():
        metrics.HANDLED.labels(GROUP, event_type, outcome).inc(count)
