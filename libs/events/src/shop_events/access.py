"""Who may do what on the broker: read off the topic registry, so that a topic's row is all there is to write.

Nothing here talks to a broker; ``shop_events.admin.ensure_access`` makes one agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from shop_events.topics import (
    SERVICES,
    TOPICS,
    Sensitivity,
    Topic,
    dead_letters,
    operator_transactions,
    outbox_transactions,
)

OPERATOR = "operator"
ANALYST = "analyst"
PRINCIPALS = (*SERVICES, OPERATOR, ANALYST)
"""Everybody who has a login at the broker; ``User:<name>`` in Kafka's words."""

_ALL, _OPERATORS = "all", "operators"


class Operation(StrEnum):
    """What may be done. To read or to write includes to describe."""

    READ = "read"
    WRITE = "write"
    DESCRIBE = "describe"
    DESCRIBE_CONFIGS = "describe configs"


class Resource(StrEnum):
    """What it may be done to."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional id"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One permission. ``prefixed`` makes it one for every name that begins so. Names are without prefix."""

    principal: str
    operation: Operation
    resource: Resource
    name: str
    prefixed: bool = False


def access_list(topics: Iterable[Topic] = TOPICS.values()) -> frozenset[Grant]:
    """Return every permission there is; what is not in it is denied."""
    topics = tuple(topics)
    return frozenset(
        [
            *(grant for topic in topics for grant in _of_topic(topic)),
            *(grant for service in SERVICES for grant in _of_service(service)),
            Grant(ANALYST, Operation.READ, Resource.GROUP, f"{ANALYST}.", prefixed=True),
        ]
    )


def _of_topic(topic: Topic) -> Iterator[Grant]:
    for principal in _writers(topic):
        yield Grant(principal, Operation.WRITE, Resource.TOPIC, topic.name)
    for reader in _readers(topic):
        yield Grant(reader, Operation.READ, Resource.TOPIC, topic.name)
    for operation in (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS):
        yield Grant(OPERATOR, operation, Resource.TOPIC, topic.name)


def _writers(topic: Topic) -> Iterator[str]:
    yield from _named(topic.owner)
    if topic.name == dead_letters(topic.owner):
        yield OPERATOR  # notes what was decided about a letter


def _readers(topic: Topic) -> Iterator[str]:
    for reader in topic.readers:
        yield from _named(reader)
    if topic.name == dead_letters(topic.owner):
        yield topic.owner
    if topic.sensitivity is Sensitivity.OPEN:
        yield from (ANALYST, OPERATOR)


def _named(role: str) -> tuple[str, ...]:
    """Return who is meant by a word in the registry's columns of owners and readers."""
    if role == _ALL:
        return SERVICES
    return (OPERATOR,) if role == _OPERATORS else (role,)


def _of_service(service: str) -> Iterator[Grant]:
    """The service's consumer groups, which operators may look at, and the transactions of both."""
    for name, prefixed in ((service, False), (f"{service}.", True)):
        yield Grant(service, Operation.READ, Resource.GROUP, name, prefixed)
        yield Grant(OPERATOR, Operation.DESCRIBE, Resource.GROUP, name, prefixed)
    yield Grant(service, Operation.WRITE, Resource.TRANSACTIONAL_ID, outbox_transactions(service))
    yield Grant(OPERATOR, Operation.WRITE, Resource.TRANSACTIONAL_ID, operator_transactions(service))
