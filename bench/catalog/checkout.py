"""Orders of two lines, reserved to be paid later: of all products, and of twenty that everybody wants."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from typing import Any

from bench.catalog.shop import DATABASE, catalog, line, open_shop, stock_shop, token
from bench.figures import Comparison, Contender, Effort
from bench.ground import Ground
from bench.load import CONNECTIONS, Load, load
from bench.wire import request

_HOT = 20


def two_lines(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare orders of any two products."""
    return _compare(here, effort, products, {"first": 0, "last": products, "disappointed": 0}, 600)


def hot_products(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare orders of two out of twenty, while one of the customers asks for what is sold out."""
    return _compare(here, effort, products, {"first": 1, "last": 1 + _HOT, "disappointed": 1}, 400)


def orders(given: dict[str, Any], connection: int) -> Iterator[bytes]:
    """Order two products each time; the first ``disappointed`` connections ask for one that is sold out."""
    chance = random.Random(connection)  # noqa: S311
    while True:
        numbers = chance.sample(range(given["first"], given["last"]), 2)
        if connection < given["disappointed"]:
            numbers[0] = 0
        headers = {
            "authorization": f"Bearer {given['tokens'][connection]}",
            "idempotency-key": secrets.token_hex(12),
        }
        body = {"lines": [line(number) for number in numbers]}
        yield request("POST", "/v1/orders", headers, body)


def _compare(
    here: Ground, effort: Effort, products: int, wanted: dict[str, int], goal: float
) -> list[Comparison]:
    stock_shop(here, products, sold_out=wanted["disappointed"])
    open_shop(here)
    given = {**wanted, "tokens": [token(f"usr_{number}") for number in range(CONNECTIONS)]}
    refusal = 409 if wanted["disappointed"] else None
    with (
        here.serving("bare", "bench.baselines", "catalog", mongodb_database=DATABASE) as bare,
        catalog(here, log_level="INFO") as ours,
    ):

        def contender(name: str, port: int) -> Contender:
            asked = "bench.catalog.checkout:orders"
            what = Load(port, asked, given, effort.seconds, status=201, refusal=refusal)
            return Contender(name, lambda: load(what))

        figures = effort.alternate(
            [contender("a transaction in bare ASGI", bare), contender("POST /v1/orders", ours)]
        )
    title = f"orders of two out of {wanted['last'] - wanted['first']:,}"
    return [Comparison(title, "orders", figures, least_rate=goal)]
