"""What is measured, and how two are compared: alternating rounds, medians, a ratio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: how much a second, and how long one took (milliseconds) where that was timed."""

    per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that can be measured again and again."""

    name: str
    measure: Callable[[], Figure]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of the rounds. The first contender is the baseline, the last one is ours.

    ``least_ratio`` to the baseline and the others are goals for the last one. With ``is_rate`` False the
    figures are no rates but just so many ``unit``.
    """

    title: str
    unit: str
    rounds: Mapping[str, Sequence[Figure]]
    least_ratio: float | None = None
    least_rate: float | None = None
    most_rate: float | None = None
    most_p50_ms: float | None = None
    most_p99_ms: float | None = None
    most_ratio: float | None = None
    is_rate: bool = True

    @property
    def medians(self) -> dict[str, Figure]:
        """Return the median of each contender."""
        return {name: _median(figures) for name, figures in self.rounds.items()}

    def ratio(self, name: str) -> float:
        """Return the median, over the rounds, of a contender's rate divided by the baseline's."""
        baseline = next(iter(self.rounds.values()))
        pairs = zip(self.rounds[name], baseline, strict=True)
        return median(ours.per_second / theirs.per_second for ours, theirs in pairs)

    def as_json(self) -> dict[str, Any]:
        """Return all of it for other tools."""
        return {
            "title": self.title,
            "unit": self.unit,
            "least_ratio": self.least_ratio,
            "most_ratio": self.most_ratio,
            "least_rate": self.least_rate,
            "most_rate": self.most_rate,
            "most_p50_ms": self.most_p50_ms,
            "most_p99_ms": self.most_p99_ms,
            "contenders": [
                {
                    "name": name,
                    **asdict(figure),
                    "ratio": self.ratio(name),
                    "rounds": [asdict(each) for each in self.rounds[name]],
                }
                for name, figure in self.medians.items()
            ],
        }


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured; ``measured`` hears of each measurement: contender, round, figure."""

    rounds: int
    seconds: float
    measured: Callable[[str, int, Figure], None]

    def alternate(self, contenders: Sequence[Contender]) -> dict[str, list[Figure]]:
        """Measure the contenders in turn, again and again."""
        figures: dict[str, list[Figure]] = {contender.name: [] for contender in contenders}
        for number in range(1, self.rounds + 1):
            for contender in contenders:
                figure = contender.measure()
                figures[contender.name].append(figure)
                self.measured(contender.name, number, figure)
        return figures


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of ``ordered`` (ascending, not empty) lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _median(figures: Sequence[Figure]) -> Figure:
    return Figure(
        median(each.per_second for each in figures),
        _median_of([each.p50_ms for each in figures]),
        _median_of([each.p99_ms for each in figures]),
    )


def _median_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
