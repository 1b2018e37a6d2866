"""Topics that the broker takes nothing for: a permission is missing, or the topic itself.

Their rows stay in the outbox and all other topics go on. Order holds because a key belongs to one topic,
which waits as a whole, old rows and new. What waits is remembered beside the relay's place: a successor must
not publish a topic's newer rows before its older ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from shop_events import metrics

log = structlog.get_logger(__name__)

Row = dict[str, Any]


class Withheld:
    """The topics that are refused, with the reason of each."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._since = time.monotonic()

    def begin(self, remembered: Iterable[Mapping[str, str]]) -> None:
        """Begin with what was remembered (see :func:`to_remember`)."""
        reasons = {each["topic"]: each["reason"] for each in remembered}
        if reasons != self._reasons:
            self._reasons, self._since = reasons, time.monotonic()

    @property
    def topics(self) -> list[str]:
        """Their names, without prefix."""
        return sorted(self._reasons)

    @property
    def seconds(self) -> float:
        """How long ago they were tried, 0 while none is refused."""
        return time.monotonic() - self._since if self._reasons else 0.0

    @property
    def problem(self) -> str | None:
        """What to tell others: a topic that was told of stays so until it was tried again and taken."""
        return ", ".join(f"{topic}: {reason}" for topic, reason in sorted(self._told.items())) or None

    def from_others(self, rows: list[Row]) -> list[Row]:
        """Return the rows of all other topics."""
        return [row for row in rows if row["topic"] not in self._reasons] if self._reasons else rows

    def tell(self) -> None:
        """Say what is refused, in metrics and log."""
        for topic, reason in self._told.items() - self._reasons.items():
            metrics.OUTBOX_REFUSED.remove(topic, reason)
            log.info("topic is taken again", topic=topic)
        for topic, reason in self._reasons.items() - self._told.items():
            metrics.OUTBOX_REFUSED.labels(topic, reason).set(1)
            log.error("topic is refused and its rows wait", topic=topic, reason=reason)
        self._told = dict(self._reasons)

    def hand_over(self) -> None:
        """Say nothing more: another relay publishes."""
        self.begin([])
        self.tell()


def to_remember(topics: Iterable[str], reason: str) -> list[dict[str, str]]:
    """Return how refused topics are written down."""
    return [{"topic": topic, "reason": reason} for topic in sorted(topics)]
