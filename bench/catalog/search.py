"""Searches with facets: words that all products have, that some have, and that are typed wrong."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from urllib.parse import urlencode
from urllib.request import urlopen

from pymongo import MongoClient

from bench.catalog.shop import DATABASE, catalog, category_id, open_shop, product_id, stock_shop
from bench.figures import Comparison, Contender, Effort, Figure
from bench.ground import Document, Ground
from bench.load import CONNECTIONS, Load, load
from bench.wire import request
from shop_devstack.ports import LOOPBACK

_FEW = 4
_RESTLESS = "GET /v1/search, a product changes every second"
_GOAL_MS = 50
_LARGEST_TWICE = 100_000
_MEMORY = re.compile(rb"^process_resident_memory_bytes (\S+)", re.MULTILINE)


def compare(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare searches with reading twenty products and storing that they were looked for.

    Many connections at a time say how much a process can do, few how long a search takes. Of a million
    products one process has an index; of fewer there is another one beside it that keeps no answers. About
    720 of the questions come again and again, a quarter of what is asked never does.
    """
    stock_shop(here, products)
    open_shop(here)
    began = time.perf_counter()
    with ExitStack() as stack:
        ours = stack.enter_context(catalog(here, log_level="INFO"))
        built = Figure(time.perf_counter() - began)
        bare = here.serving("bare", "bench.baselines", "catalog", mongodb_database=DATABASE)
        ports = {"20 read, 1 stored in bare ASGI": stack.enter_context(bare)}
        if products <= _LARGEST_TWICE:
            cold = catalog(here, log_level="INFO", search_kept_bytes="0")
            ports["GET /v1/search, nothing kept"] = stack.enter_context(cold)
        ports["GET /v1/search"] = ours
        found = [_compare(products, ports, effort, connections) for connections in (CONNECTIONS, _FEW)]
        with _changing(here):
            found.append(_compare(products, {_RESTLESS: ours}, effort, CONNECTIONS))
        memory = Figure(_megabytes(ours))
    name = f"{products:,} products"
    return [
        *found,
        Comparison(f"start with an index of {name}", "s", {"catalog api": [built]}, is_rate=False),
        Comparison(f"memory after searches, {name}", "MB", {"catalog api": [memory]}, is_rate=False),
    ]


def searches(products: int, connection: int) -> Iterator[bytes]:
    """Ask for what all products have, for what one in fifty or a single one has, and for what none has.

    Each measurement asks otherwise: of what is asked for a single product, nothing is known from before.
    """
    chance = random.Random(f"{time.time_ns()} {connection}")  # noqa: S311
    while True:
        brand, colour = f"brand:Brand {chance.randrange(50)}", f"colour:colour {chance.randrange(12)}"
        asked: dict[str, object] = chance.choice(
            [
                {"q": "enamelled cup"},
                {"q": "cup", "attribute": brand},
                {"q": "cup", "attribute": [brand, colour], "in_stock": "true"},
                {"q": "cup", "category_id": category_id(chance.randrange(products))},
                {"q": f"cup number {chance.randrange(products)}"},
                {"q": f"brand {chance.randrange(50)} cup", "currency": "GBP", "price_to": 5000},
                {"q": "glazd cup"},
                {"q": f"enameled {chance.randrange(products)}"},
            ]
        )
        yield request("GET", f"/v1/search?{urlencode(asked, doseq=True)}")


def _compare(products: int, ports: dict[str, int], effort: Effort, connections: int) -> Comparison:
    def contender(name: str, port: int) -> Contender:
        asked = "bench.catalog.search:searches"
        what = Load(port, asked, products, effort.seconds, connections=connections)
        return Contender(f"{name}, {connections} at a time", lambda: load(what))

    figures = effort.alternate([contender(name, port) for name, port in ports.items()])
    return Comparison(f"search, {products:,} products", "requests", figures, most_p99_ms=_GOAL_MS)


@contextmanager
def _changing(here: Ground) -> Iterator[None]:
    """Let a product change every second, which makes void whatever is kept."""
    ended = Event()

    def change() -> None:
        with MongoClient[Document](here.mongodb_url) as client:
            while not ended.wait(1):
                client[DATABASE].products.update_one({"_id": product_id(0)}, {"$inc": {"trend": 0.01}})

    changing = Thread(target=change)
    changing.start()
    try:
        yield
    finally:
        ended.set()
        changing.join()


def _megabytes(port: int) -> float:
    """Return the memory that a service's process holds."""
    with urlopen(f"http://{LOOPBACK}:{port}/metrics") as answer:
        found = _MEMORY.search(answer.read())
    return float(found[1]) / 1e6 if found else 0.0
