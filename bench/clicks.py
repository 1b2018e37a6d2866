"""Click sessions: Serenade's toy training set where ``../shared/data`` has it, else made-up ones."""

from __future__ import annotations

import csv
import gzip
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).parents[2] / "shared" / "data" / "serenade_toy_train.tsv.gz"
_SESSIONS, _PRODUCTS = 20_000, 10_000


@dataclass(frozen=True, slots=True)
class Clicks:
    """Sessions in the order they ended, each with its products in the order they were viewed.

    ``source`` says where they come from.
    """

    source: str
    sessions: list[list[str]]

    @property
    def products(self) -> list[str]:
        """Return every product there is, the most viewed first."""
        views: dict[str, int] = defaultdict(int)
        for session in self.sessions:
            for product_id in session:
                views[product_id] += 1
        return sorted(views, key=lambda product_id: (-views[product_id], product_id))


def clicks() -> Clicks:
    """Return the sessions to measure with."""
    if _FILE.exists():
        return Clicks("Serenade's toy training set", _recorded())
    return Clicks("made-up sessions (../shared/data is not here)", _made_up())


def _recorded() -> list[list[str]]:
    sessions: dict[str, list[tuple[float, str]]] = defaultdict(list)
    with gzip.open(_FILE, "rt", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            sessions[row["SessionId"]].append((float(row["Time"]), f"prd_{row['ItemId']}"))
    ended = sorted((sorted(views) for views in sessions.values()), key=lambda views: views[-1][0])
    return [[product_id for _, product_id in views] for views in ended]


def _made_up() -> list[list[str]]:
    """Return sessions that walk along neighbouring products, popular ones more often."""
    chance = random.Random(7)  # noqa: S311
    sessions = []
    for _ in range(_SESSIONS):
        place = int(_PRODUCTS * chance.random() ** 3)
        length = 1 + int(chance.expovariate(0.25))
        sessions.append([f"prd_{(place + chance.randrange(6)) % _PRODUCTS}" for _ in range(length)])
    return sessions
