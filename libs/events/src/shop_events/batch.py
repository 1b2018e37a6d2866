"""Handles events inside one unit of work: the same steps for a fresh batch and for a parked event."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence
from enum import StrEnum

from shop_events import clock, metrics, parking
from shop_events.bisection import FailedAt
from shop_events.context import Trace
from shop_events.dead_letters import letter
from shop_events.deliveries import Delivery
from shop_events.envelope import Received
from shop_events.inbox import Inbox, given_up
from shop_events.spans import processing
from shop_events.unit_of_work import UnitOfWork, is_transient

LONGEST_HANDLING = 10.0
"""Seconds after which the event in hand has failed: MongoDB would give up on the transaction soon."""


class Outcome(StrEnum):
    """What became of a delivery."""

    HANDLED = "handled"
    DUPLICATE = "duplicate"
    QUEUED = "queued"
    PARKED = "parked"
    DEAD = "dead"


async def apply(uow: UnitOfWork, deliveries: Sequence[Delivery], group: str) -> None:
    """Handle a batch in order: effects once by business key, parked keys queue, broken records die.

    Raises:
        FailedAt: an event's handler raised; nothing of this unit of work may be committed.
        PyMongoError: MongoDB failed, which is no event's fault.
    """
    waiting = await parking.held(uow, {delivery.order_key for delivery in deliveries})
    inbox = await Inbox.load(uow, {key for delivery in deliveries for key in inbox_keys(delivery)})
    outcomes: list[Outcome] = []
    try:
        async with asyncio.timeout(LONGEST_HANDLING):
            for delivery in deliveries:
                outcomes.append(await _one(uow, delivery, group, waiting, inbox))
    except Exception as error:
        if is_transient(error):
            raise
        raise FailedAt(len(outcomes), error) from error
    inbox.flush()
    uow.on_commit.append(lambda: count(group, deliveries, outcomes))


async def handle(uow: UnitOfWork, delivery: Delivery, inbox: Inbox, group: str) -> Outcome:
    """Run the handlers of one readable event, leaving out effects that have happened."""
    assert delivery.received is not None
    uow.envelope = envelope = delivery.received.envelope
    outcome = Outcome.DUPLICATE
    with processing(trace_of(delivery.received), envelope.id, delivery.origin, group):
        for handler, key in zip(delivery.handlers, delivery.keys, strict=True):
            if key is not None and key in inbox:
                continue
            await handler(uow, delivery.received.event)
            if key is not None:
                inbox.add(key)
            outcome = Outcome.HANDLED
    return outcome


def give_up(
    uow: UnitOfWork, delivery: Delivery, inbox: Inbox, *, group: str, reason: str, tries: int
) -> None:
    """Turn an event into a dead letter, once."""
    place = (delivery.origin.topic, delivery.origin.partition, delivery.origin.offset)
    uow.send(letter(delivery.message, place, group, reason, tries))
    inbox.add(given_up(delivery.id))


def inbox_keys(delivery: Delivery) -> list[str]:
    """Return what has to be looked up before a delivery is handled."""
    return [given_up(delivery.id), *delivery.effect_keys()]


def count(group: str, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]) -> None:
    """Put what became of deliveries into the metrics."""
    now, ages = clock.now(), metrics.AGE_SECONDS.labels(group)
    became: Tally[tuple[str, Outcome]] = Tally()
    for delivery, outcome in zip(deliveries, outcomes, strict=True):
        event_type = delivery.received.envelope.type if delivery.received else "unreadable"
        became[event_type, outcome] += 1
        if delivery.received:
            ages.observe(max((now - delivery.received.envelope.time).total_seconds(), 0))
    for (event_type, outcome), number in became.items():
        metrics.HANDLED.labels(group, event_type, outcome).inc(number)


async def _one(
    uow: UnitOfWork, delivery: Delivery, group: str, waiting: dict[str, set[str]], inbox: Inbox
) -> Outcome:
    if given_up(delivery.id) in inbox:
        if not delivery.replayed:
            return Outcome.DUPLICATE
        await inbox.forget(given_up(delivery.id))
    if _has_happened(delivery, inbox):
        return Outcome.DUPLICATE
    if (queue := waiting.get(delivery.order_key)) is not None:
        return await _queue(uow, delivery, queue)
    if delivery.received is None:
        reason = delivery.problem or "unreadable"
        give_up(uow, delivery, inbox, group=group, reason=reason, tries=1)
        return Outcome.DEAD
    return await handle(uow, delivery, inbox, group)


def _has_happened(delivery: Delivery, inbox: Inbox) -> bool:
    """Say whether all that an event is good for is done: it must not wait behind a later event of its key."""
    keys = delivery.effect_keys()
    return bool(keys) and len(keys) == len(delivery.handlers) and all(key in inbox for key in keys)


async def _queue(uow: UnitOfWork, delivery: Delivery, queue: set[str]) -> Outcome:
    if delivery.id in queue:
        if delivery.replayed:
            await parking.revive(uow, delivery.id)
        return Outcome.DUPLICATE
    await parking.queue_behind(uow, delivery)
    queue.add(delivery.id)
    return Outcome.QUEUED


def trace_of(received: Received) -> Trace:
    """Return the trace of what is done about an event: caused by it."""
    trace = received.envelope.trace
    return Trace(trace.traceparent, trace.correlation_id, received.envelope.id)
