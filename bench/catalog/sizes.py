"""What a request costs in a large shop, beside a small one on the same server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.catalog import reads
from bench.catalog.shop import catalog, open_shop, stock_shop
from bench.figures import Comparison, Contender, Effort
from bench.ground import Ground
from bench.load import Load, load

_SMALL = 1_000
_LEAST = 1 / 1.5
_Asking = Callable[[int, int], Iterator[bytes]]


def compare(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare details and lists of a small shop with those of one with so many products.

    Nothing is kept between requests: it is the cost of asking the database that grows.
    """
    open_shop(here)
    stock_shop(here, _SMALL, "bench_small")
    stock_shop(here, products, "bench_large")
    with (
        catalog(here, "bench_small", log_level="INFO", hot_answers_bytes="0") as small,
        catalog(here, "bench_large", log_level="INFO", hot_answers_bytes="0") as large,
    ):

        def comparison(what: str, asking: _Asking) -> Comparison:
            def contender(port: int, count: int) -> Contender:
                asked = f"bench.catalog.reads:{asking.__name__}"
                wanted = Load(port, asked, count, effort.seconds)
                return Contender(f"{count:,} products", lambda: load(wanted))

            figures = effort.alternate([contender(small, _SMALL), contender(large, products)])
            return Comparison(f"{what} as the shop grows", "requests", figures, least_ratio=_LEAST)

        return [comparison("detail", reads.details), comparison("list", reads.first_pages)]
