"""One record as a consumer holds it: decoded or not, with where it came from and who handles it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord

from shop_events.dead_letters import ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC, without_notes
from shop_events.envelope import Message, Received, decode, headers_of
from shop_events.errors import MalformedEvent
from shop_events.handlers import Handler, Subscriptions
from shop_events.kafka import KafkaSettings
from shop_events.topics import replay


class Origin(NamedTuple):
    """Where a record stands (topic without prefix)."""

    topic: str
    partition: int
    offset: int


@dataclass(slots=True)  # made for each record: a tuple with names takes half as long again
class Delivery:
    """A record to be handled.

    Args:
        message: the record.
        origin: where it was first published.
        received: the decoded event; None when that failed.
        handlers: what to do about it; empty when nobody here cares.
        keys: the business key of each handler's effect; None for a projection.
        replayed: an operator asked to take it again.
        problem: why it could not be decoded.
    """

    message: Message
    origin: Origin
    received: Received | None
    handlers: tuple[Handler[Any], ...] = ()
    replayed: bool = False
    problem: str | None = None
    keys: tuple[str | None, ...] = ()

    @property
    def id(self) -> str:
        """The event's id, or the record's place when it has none."""
        known = self.message.headers.get("ce_id")
        return known or f"{self.origin.topic}/{self.origin.partition}/{self.origin.offset}"

    @property
    def order_key(self) -> str:
        """Events with the same one are handled in order: topic and record key."""
        return f"{self.origin.topic}\x1f{self.message.key}"

    def effect_keys(self) -> list[str]:
        """Return the business keys of this event's effects."""
        return [key for key in self.keys if key is not None]


def read(
    records: Iterable[ConsumerRecord], subscriptions: Subscriptions, kafka: KafkaSettings
) -> list[Delivery]:
    """Decode records, leaving out those of types that nobody here handles."""
    bare: dict[str, str] = {}
    replays = replay(subscriptions.group)
    deliveries = []
    for record in records:
        topic = bare.get(record.topic) or bare.setdefault(record.topic, kafka.bare(record.topic))
        delivery = _delivery(record, topic, subscriptions, replayed=topic == replays)
        if delivery is not None:
            deliveries.append(delivery)
    return deliveries


def _delivery(
    record: ConsumerRecord, topic: str, subscriptions: Subscriptions, replayed: bool
) -> Delivery | None:
    headers = headers_of(record.headers)
    origin = Origin(topic, record.partition, record.offset)
    if replayed:
        origin = _first_origin(headers, origin)
        headers = without_notes(headers)
    key = (record.key or b"").decode("utf-8", "replace")
    return interpret(Message(origin.topic, key, headers, record.value), origin, subscriptions, replayed)


def interpret(
    message: Message, origin: Origin, subscriptions: Subscriptions, replayed: bool = False
) -> Delivery | None:
    """Decode a message for its handlers; None when it is of a type that nobody here handles."""
    event_type = message.headers.get("ce_type")
    if event_type is None:
        return Delivery(message, origin, None, (), replayed, "no ce_type header: not a CloudEvent")
    handlers = subscriptions.for_type(event_type)
    if not handlers:
        return None
    try:
        received = decode(message)
    except MalformedEvent as error:
        return Delivery(message, origin, None, handlers, replayed, str(error))
    keys = tuple([handler.effect_key(received.event) for handler in handlers])
    return Delivery(message, origin, received, handlers, replayed, None, keys)


def _first_origin(headers: dict[str, str], otherwise: Origin) -> Origin:
    try:
        return Origin(headers[ORIGIN_TOPIC], int(headers[ORIGIN_PARTITION]), int(headers[ORIGIN_OFFSET]))
    except (KeyError, ValueError):
        return otherwise
