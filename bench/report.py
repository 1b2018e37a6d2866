"""What a run shows: each measurement as it is made, a table at the end, all of it as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Comparison, Figure
from shop_devstack.screen import Screen

RESULTS = Path(__file__).parent / "results"


def shown(screen: Screen, case: str) -> Callable[[str, int, Figure], None]:
    """Return what shows the measurements of a case as they are made."""

    def show(name: str, number: int, figure: Figure) -> None:
        screen.say(f"  {case} {number}  {name:<34} {_rate(figure):>8}/s {_times(figure)}")

    return show


def show_table(screen: Screen, comparisons: Sequence[Comparison]) -> None:
    """Show the medians."""
    rows: list[tuple[str, ...]] = []
    for comparison in comparisons:
        for name, figure in comparison.medians.items():
            rows.append(
                (
                    comparison.title,
                    name,
                    f"{_rate(figure)} {comparison.unit}{'/s' if comparison.is_rate else ''}",
                    _milliseconds(figure.p50_ms),
                    _milliseconds(figure.p99_ms),
                    f"{comparison.ratio(name):.2f}",
                    _goal(comparison) if name == list(comparison.rounds)[-1] else "",
                )
            )
    screen.say("")
    screen.table(("what", "who", "median", "p50 ms", "p99 ms", "of baseline", "goal"), rows)


def save(comparisons: Sequence[Comparison]) -> Path:
    """Write everything that was measured; return the file."""
    now = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{now:%Y%m%d-%H%M%S}.json"
    measured = {
        "at": now.isoformat(),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "comparisons": [comparison.as_json() for comparison in comparisons],
    }
    file.write_text(json.dumps(measured, indent=2) + "\n")
    return file


def _goal(comparison: Comparison) -> str:
    name = list(comparison.rounds)[-1]
    if comparison.least_ratio is not None:
        met = comparison.ratio(name) >= comparison.least_ratio
        return f"≥ {comparison.least_ratio:.2f} {'met' if met else 'missed'}"
    if comparison.most_ratio is not None:
        met = comparison.ratio(name) <= comparison.most_ratio
        return f"≤ {comparison.most_ratio:.2f} {'met' if met else 'missed'}"
    if comparison.least_rate is not None:
        met = comparison.medians[name].per_second >= comparison.least_rate
        return f"≥ {comparison.least_rate:,.0f}/s {'met' if met else 'missed'}"
    ours = comparison.medians[name]
    if comparison.most_rate is not None:
        met = ours.per_second <= comparison.most_rate
        return f"≤ {comparison.most_rate:,.0f}/s {'met' if met else 'missed'}"
    return _goal_in_time(comparison, ours)


def _goal_in_time(comparison: Comparison, ours: Figure) -> str:
    pairs = (("p50", ours.p50_ms, comparison.most_p50_ms), ("p99", ours.p99_ms, comparison.most_p99_ms))
    wanted = [(name, took, most) for name, took, most in pairs if took is not None and most is not None]
    if not wanted:
        return ""
    met = all(took <= most for _, took, most in wanted)
    said = ", ".join(f"{name} ≤ {most:.0f} ms" for name, _, most in wanted)
    return f"{said} {'met' if met else 'missed'}"


def _rate(figure: Figure) -> str:
    return f"{figure.per_second:,.0f}"


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _times(figure: Figure) -> str:
    return f"p50 {figure.p50_ms:.1f} p99 {figure.p99_ms:.1f}" if figure.p50_ms and figure.p99_ms else ""
