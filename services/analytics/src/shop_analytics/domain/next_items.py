"""Next item in this session: VMIS-kNN, in memory, learning one finished session at a time.

Kersbergen, Sprangers and Schelter, "Serenade: Low-Latency Session-Based Recommendation in e-Commerce at
Scale", SIGMOD 2022, algorithm 1. Of the sessions that share an item with the evolving one, the newest ``m``
per item are looked at and the ``k`` most similar ones vote for their items.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

_STEP = 0.1


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How many are asked.

    Args:
        sessions_per_item: newest sessions remembered per item, and candidates held (m).
        neighbours: most similar sessions that vote (k).
        last_items: how much of the evolving session counts (L).
        most_sessions: sessions held in memory; older ones are forgotten.
    """

    sessions_per_item: int = 500
    neighbours: int = 50
    last_items: int = 2
    most_sessions: int = 500_000


class SessionIndex:
    """Finished sessions by item. Numbers grow with the order in which sessions finished."""

    def __init__(self, settings: Neighbours | None = None) -> None:
        self._settings = settings or Neighbours()
        self._by_item: dict[str, deque[int]] = {}
        self._frequency: dict[str, int] = {}
        self._sessions: dict[int, tuple[str, ...]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def learn(self, items: Sequence[str]) -> None:
        """Take a finished session; ``items`` in the order they were viewed."""
        distinct = tuple(dict.fromkeys(items))
        if not distinct:
            return
        number = self._count
        self._count += 1
        self._sessions[number] = distinct
        for item in distinct:
            self._by_item.setdefault(item, deque(maxlen=self._settings.sessions_per_item)).append(number)
            self._frequency[item] = self._frequency.get(item, 0) + 1
        if len(self._sessions) > self._settings.most_sessions:
            self._forget_oldest()

    def predict(self, evolving: Sequence[str], limit: int) -> list[str]:
        """Return up to ``limit`` items likely to be viewed next, the likeliest first.

        Args:
            evolving: items of the session so far, oldest first. The newest one is never predicted.
            limit: most items to return.
        """
        recent = list(reversed(evolving[-self._settings.last_items :]))
        if not recent:
            return []
        scores = self._scores(recent, self._neighbours(recent))
        scores.pop(recent[0], None)
        return heapq.nlargest(limit, scores, key=lambda item: (scores[item], item))

    def _neighbours(self, recent: Sequence[str]) -> list[tuple[float, int]]:
        """Return similarity and number of the most similar sessions; newer ones win ties."""
        known: dict[int, float] = {}
        oldest: list[int] = []
        count, distinct = len(recent), dict.fromkeys(recent)
        for position, item in enumerate(recent):
            if item not in distinct:
                continue
            del distinct[item]
            self._walk(item, (count - position) / count, known, oldest)
        return heapq.nlargest(
            self._settings.neighbours, ((similarity, number) for number, similarity in known.items())
        )

    def _walk(self, item: str, weight: float, known: dict[int, float], oldest: list[int]) -> None:
        """Add ``weight`` to the newest sessions with ``item``, holding the newest ``m`` candidates."""
        for number in reversed(self._by_item.get(item, ())):
            if number in known:
                known[number] += weight
            elif len(known) < self._settings.sessions_per_item:
                known[number] = weight
                heapq.heappush(oldest, number)
            elif number > oldest[0]:
                del known[heapq.heapreplace(oldest, number)]
                known[number] = weight
            else:
                return

    def _scores(self, recent: Sequence[str], neighbours: Sequence[tuple[float, int]]) -> dict[str, float]:
        scores: dict[str, float] = {}
        for similarity, number in neighbours:
            items = self._sessions.get(number, ())
            shared = next((place for place, item in enumerate(recent, 1) if item in items), None)
            if shared is None:
                continue
            vote = max(0.0, 1 - _STEP * shared) * similarity
            for item in items:
                scores[item] = scores.get(item, 0.0) + vote
        return {item: votes * self._rarity(item) for item, votes in scores.items()}

    def _rarity(self, item: str) -> float:
        """Return the inverse document frequency of ``item`` among all sessions seen."""
        return math.log(self._count / self._frequency[item])

    def _forget_oldest(self) -> None:
        number = next(iter(self._sessions))
        for item in self._sessions.pop(number):
            numbers = self._by_item[item]
            if numbers and numbers[0] == number:
                numbers.popleft()
            if not numbers:
                del self._by_item[item]
                del self._frequency[item]
