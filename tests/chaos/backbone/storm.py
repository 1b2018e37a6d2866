"""What is done to the system, drawn from a seed: the same seed gives the same blows in the same order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.backbone.workers import LEASE, SESSION

WORKERS = ("producer-1", "producer-2", "relay-1", "relay-2", "consumer-1", "consumer-2", "consumer-3")
SERVERS = ("Kafka", "MongoDB")
_LONGER_THAN_ANY_LEASE = 2.5 * max(LEASE, SESSION).total_seconds()


class What(StrEnum):
    """A kind of blow."""

    KILL = "kill -9"
    KILL_ROLE = "kill -9 all of"
    KILL_EVERYTHING = "kill -9 everything"
    PAUSE = "pause"
    STOP = "stop"
    JOIN = "join and leave"
    FLOOD = "flood"


@dataclass(frozen=True)
class Blow:
    """One blow.

    Args:
        after: seconds since the one before.
        what: the kind.
        targets: names of workers or servers.
        seconds: how long they are paused, or away before they are started again.
    """

    after: float
    what: What
    targets: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        return f"{self.what} {', '.join(self.targets)} ({self.seconds:.1f} s)"


_MENU = (
    (58, What.KILL, WORKERS),
    (5, What.KILL, SERVERS),
    (3, What.KILL_ROLE, ("producer", "relay", "consumer")),
    (1, What.KILL_EVERYTHING, ("",)),
    (16, What.PAUSE, WORKERS),
    (3, What.PAUSE, SERVERS),
    (5, What.STOP, WORKERS),
    (2, What.STOP, SERVERS),
    (4, What.JOIN, ("guest",)),
    (3, What.FLOOD, ("producer",)),
)


def blows(seed: int) -> Iterator[Blow]:
    """Draw blows without end."""
    chance = random.Random(seed)
    weights = [weight for weight, _, _ in _MENU]
    while True:
        [(_, what, targets)] = chance.choices(_MENU, weights)
        target = chance.choice(targets)
        after = chance.uniform(0.1, 1.5)
        yield Blow(after, what, _everybody(what, target), _length(chance, what, target))


def _everybody(what: What, target: str) -> tuple[str, ...]:
    if what is What.KILL_EVERYTHING:
        return (*WORKERS, *SERVERS)
    if what is What.KILL_ROLE:
        return tuple(name for name in WORKERS if name.startswith(target))
    return (target,)


def _length(chance: random.Random, what: What, target: str) -> float:
    if what is What.PAUSE:
        long = chance.random() < 0.3
        return chance.uniform(_LONGER_THAN_ANY_LEASE, 9) if long else chance.uniform(0.1, 2)
    if what is What.JOIN:
        return chance.uniform(1, 5)
    if what is What.STOP or target in SERVERS:
        return chance.uniform(0, 2)
    return chance.choice((0, 0, 0, chance.uniform(0, 5)))
