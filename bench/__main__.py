"""``python -m bench [name …]``: measure all, or those that are named."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from contextlib import ExitStack

from rich.console import Console

from bench import report
from bench.cases import CASES
from bench.figures import Comparison, Effort
from bench.ground import ground
from shop_devstack.screen import Screen


def main() -> int:
    """Measure what was asked for; return the exit code."""
    parser = ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(CASES)}; all if none")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds (3)")
    parser.add_argument("--seconds", type=float, default=4, help="length of a measurement over HTTP (4)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(CASES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(CASES)}")
    screen = Screen(Console(highlight=False, width=None if sys.stdout.isatty() else 120))
    comparisons: list[Comparison] = []
    for name in arguments.names or CASES:
        effort = Effort(arguments.rounds, arguments.seconds, report.shown(screen, name))
        comparisons += _measure(screen, name, effort)
    report.show_table(screen, comparisons)
    screen.say(f"\nEverything that was measured: {report.save(comparisons)}")
    return 0


def _measure(screen: Screen, name: str, effort: Effort) -> list[Comparison]:
    """Measure one case on servers of its own, so that none inherits what another left in them."""
    with ExitStack() as stack:
        with screen.step(f"{name}: MongoDB and Kafka"):
            here = stack.enter_context(ground())
        return CASES[name](here, effort)


if __name__ == "__main__":
    raise SystemExit(main())
