"""``python -m bench.catalog [name …] [size …]``: measure all, or what is named, with so many products."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from bench.__main__ import main
from bench.catalog import checkout, importing, reads, search, sizes

SIZES = {"1k": 1_000, "100k": 100_000, "1m": 1_000_000}
"""Words for how many products there are; 1k where none is said."""

_CASES = {
    "detail": reads.detail,
    "list": reads.lists,
    "unchanged": reads.unchanged,
    "checkout": checkout.two_lines,
    "hot": checkout.hot_products,
    "sizes": sizes.compare,
    "search": search.compare,
    "import": importing.compare,
}


def run(words: Sequence[str]) -> int:
    """Measure what the words say; return the exit code."""
    products = [SIZES[word] for word in words if word in SIZES] or [SIZES["1k"]]
    cases = {name: partial(case, products[-1]) for name, case in _CASES.items()}
    others = [word for word in words if word not in SIZES]
    return main("make bench-catalog", cases, others, rounds=5)


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
