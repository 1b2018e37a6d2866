"""``python -m bench [name …]``: measure all, or those that are named."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from rich.console import Console

from bench import report
from bench.cases import CASES
from bench.figures import Comparison, Effort
from bench.ground import Ground, ground
from shop_devstack.screen import Screen

Case = Callable[[Ground, Effort], list[Comparison]]


def main(
    prog: str = "make bench",
    cases: Mapping[str, Case] = CASES,
    words: Sequence[str] | None = None,
    rounds: int = 3,
) -> int:
    """Measure what ``words`` (by default the command line) ask for; return the exit code."""
    parser = ArgumentParser(prog=prog, description="Measure all cases, or those that are named.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(cases)}; all if none")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"alternating rounds ({rounds})")
    parser.add_argument("--seconds", type=float, default=4, help="length of a measurement over HTTP (4)")
    arguments = parser.parse_args(words)
    if unknown := set(arguments.names) - set(cases):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(cases)}")
    screen = Screen(Console(highlight=False, width=None if sys.stdout.isatty() else 120))
    comparisons: list[Comparison] = []
    for name in arguments.names or cases:
        effort = Effort(arguments.rounds, arguments.seconds, report.shown(screen, name))
        comparisons += _measure(screen, name, cases[name], effort)
    report.show_table(screen, comparisons)
    screen.say(f"\nEverything that was measured: {report.save(comparisons)}")
    return 0


def _measure(screen: Screen, name: str, case: Case, effort: Effort) -> list[Comparison]:
    """Measure one case on servers of its own, so that none inherits what another left in them."""
    with ExitStack() as stack:
        with screen.step(f"{name}: MongoDB and Kafka"):
            here = stack.enter_context(ground())
        return case(here, effort)


if __name__ == "__main__":
    raise SystemExit(main())
