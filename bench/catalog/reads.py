"""Products shown, listed, and found unchanged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from bench.catalog.shop import CATEGORIES, DATABASE, catalog, category_id, open_shop, product_id, stock_shop
from bench.figures import Comparison, Contender, Effort
from bench.ground import Ground
from bench.load import Load, load
from bench.wire import request

_SORTS = ("oldest", "newest", "popular", "trend")


class Wanted(NamedTuple):
    """What is compared with what, and by how much ours is to be faster."""

    title: str
    asked: str
    baseline: str
    ours: str
    least_ratio: float
    status: int = 200


_DETAIL = Wanted("detail", "details", "find_one in bare ASGI", "GET /v1/products/{id}", 1.3)
_UNCHANGED = Wanted("unchanged", "known", "find_one in bare ASGI", "304 to If-None-Match", 2.0, 304)
_LIST = Wanted("list", "first_pages", "find 20 in bare ASGI", "GET /v1/products", 1.0)


def detail(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare showing products at random, all of them alike wanted."""
    return _compare(here, effort, products, _DETAIL)


def unchanged(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare saying that products are as they were with reading them."""
    return _compare(here, effort, products, _UNCHANGED)


def lists(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare lists of twenty: each category and all of them, in four orders."""
    return _compare(here, effort, products, _LIST)


def details(products: int, connection: int) -> Iterator[bytes]:
    """Ask for products at random."""
    chance = random.Random(connection)  # noqa: S311
    while True:
        yield request("GET", f"/v1/products/{product_id(chance.randrange(products))}")


def known(products: int, connection: int) -> Iterator[bytes]:
    """Ask for products at random that the client has seen."""
    chance = random.Random(connection)  # noqa: S311
    while True:
        path = f"/v1/products/{product_id(chance.randrange(products))}"
        yield request("GET", path, {"if-none-match": '"v1"'})


def first_pages(_: int, connection: int) -> Iterator[bytes]:
    """Ask for the first page of lists at random."""
    chance = random.Random(connection)  # noqa: S311
    while True:
        wanted = f"limit=20&sort={chance.choice(_SORTS)}"
        if number := chance.randrange(CATEGORIES + 1):
            wanted += f"&category_id={category_id(number)}"
        yield request("GET", f"/v1/products?{wanted}")


def _compare(here: Ground, effort: Effort, products: int, wanted: Wanted) -> list[Comparison]:
    stock_shop(here, products)
    open_shop(here)
    with (
        here.serving("bare", "bench.baselines", "catalog", mongodb_database=DATABASE) as bare,
        catalog(here, log_level="INFO", hot_answers_bytes="0") as cold,
        catalog(here, log_level="INFO") as ours,
    ):

        def contender(name: str, port: int, status: int) -> Contender:
            what = Load(port, f"bench.catalog.reads:{wanted.asked}", products, effort.seconds, status=status)
            return Contender(name, lambda: load(what))

        figures = effort.alternate(
            [
                contender(wanted.baseline, bare, 200),
                contender(f"{wanted.ours}, nothing kept", cold, wanted.status),
                contender(wanted.ours, ours, wanted.status),
            ]
        )
    title = f"{wanted.title}, {products:,} products"
    return [Comparison(title, "requests", figures, least_ratio=wanted.least_ratio)]
