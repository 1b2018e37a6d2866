"""A cart read and changed over HTTP, beside the driver doing the same with nothing around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count
from typing import Literal

from bench.baselines import cart
from bench.baselines.driver import drive
from bench.cases.visitors import visitors
from bench.figures import Comparison, Contender, Effort
from bench.ground import Ground
from bench.load import CONNECTIONS, Load, load
from bench.wire import request
from shop_devstack.ports import LOOPBACK

_PRODUCTS = ("prd_1", "prd_2", "prd_3")


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare reading, then changing a cart."""
    here.topics("ours.")
    with (
        here.serving("bare", "bench.baselines", "session") as bare,
        here.serving("session", "shop_session", "api", topic_prefix="ours.", log_level="INFO") as ours,
    ):
        strings = visitors(ours, CONNECTIONS, consent=False)
        asyncio.run(_stock(here))
        for string in strings:
            _fill(ours, string)

        def comparison(work: Literal["read", "write"], name: str) -> Comparison:
            def over_http(port: int) -> Load:
                return Load(port, f"bench.cases.session:{work}s", strings, effort.seconds)

            figures = effort.alternate(
                [
                    Contender("driver in bare ASGI", lambda: load(over_http(bare))),
                    Contender("driver without HTTP", lambda: drive(here, work, strings, effort.seconds)),
                    Contender(name, lambda: load(over_http(ours))),
                ]
            )
            return Comparison(f"cart {work}", "requests", figures)

        return [
            comparison("read", "GET /v1/session/cart"),
            comparison("write", "PATCH /v1/session/cart"),
        ]


def reads(strings: list[str], connection: int) -> Iterator[bytes]:
    """Read the same cart again and again."""
    while True:
        yield request("GET", "/v1/session/cart", {"session-id": strings[connection]})


def writes(strings: list[str], connection: int) -> Iterator[bytes]:
    """Change the quantity of a line, each time to another one."""
    for number in count():
        body = {"lines": {_PRODUCTS[0]: number % 9 + 1}}
        yield request("PATCH", "/v1/session/cart", {"session-id": strings[connection]}, body)


async def _stock(here: Ground) -> None:
    """Put the products where the service's consumer would."""
    price = {"amount": 1250, "currency": "GBP"}
    told = {"title": "A lamp", "price": price, "image_url": None, "available": True, "gone": False}
    async with here.client() as client:
        await client[cart.DATABASE].products.insert_many(
            [{"_id": product_id, "sequence": 1, **told} for product_id in _PRODUCTS]
        )


def _fill(port: int, string: str) -> None:
    connection = HTTPConnection(LOOPBACK, port, timeout=30)
    body = json.dumps({"lines": dict.fromkeys(_PRODUCTS, 10)})
    headers = {"Content-Type": "application/json", "Session-Id": string}
    connection.request("PATCH", "/v1/session/cart", body, headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"a cart could not be filled: {answer.status}")
    connection.close()
