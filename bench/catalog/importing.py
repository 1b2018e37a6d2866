"""A file of products taken in by the command line, beside the same documents inserted by the driver alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

import orjson

from bench.catalog.shop import CATEGORIES, NO_PAYMENTS
from bench.figures import Comparison, Contender, Effort, Figure
from bench.ground import Document, Ground

_PAGE = 500
_LEAST = 5_000
_MOST_GROWTH = 1.2
_POLL_SECONDS = 0.05


def compare(products: int, here: Ground, effort: Effort) -> list[Comparison]:
    """Compare importing so many products, at least 20,000, with inserting them; and the memory it takes."""
    count = max(products, 20_000)
    file = _written(here.folder / "products.jsonl", count)
    memory: list[Figure] = []
    quarter: list[Figure] = []

    def ours(lines: int, peaks: list[Figure]) -> Figure:
        source = file if lines == count else _written(here.folder / "quarter.jsonl", lines)
        seconds, peak = _import(here, source)
        peaks.append(Figure(peak))
        return Figure(lines / seconds)

    figures = effort.alternate(
        [
            Contender("insert_many, 500 a transaction", lambda: asyncio.run(_insert(here, count))),
            Contender("shop_catalog import", lambda: ours(count, memory)),
        ]
    )
    for _ in range(effort.rounds):
        ours(count // 4, quarter)
    return [
        Comparison(f"import of {count:,}", "products", figures, least_rate=_LEAST),
        Comparison(
            "peak memory of the import",
            "MB",
            {f"{count // 4:,} lines": quarter, f"{count:,} lines": memory},
            most_ratio=_MOST_GROWTH,
            is_rate=False,
        ),
    ]


def _import(here: Ground, file: Path) -> tuple[float, float]:
    """Import a file into an empty shop; return the seconds between start and end, and the peak in MB."""
    database = f"import_{token_hex(4)}"
    environment = here.environment(**NO_PAYMENTS, mongodb_database=database, log_level="WARNING")
    subprocess.run([sys.executable, "-m", "shop_catalog", "migrate"], env=environment, check=True)
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(
        [sys.executable, "-m", "shop_catalog", "import", str(file)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        while child.poll() is None:
            peak = max(peak, _peak_megabytes(child.pid))
            time.sleep(_POLL_SECONDS)
    if child.returncode:
        raise RuntimeError(f"the import ended with {child.returncode}")
    return time.perf_counter() - began, peak


def _peak_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [each for each in status.splitlines() if each.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


async def _insert(here: Ground, count: int) -> Figure:
    """Insert as many documents of the file's size, with an outbox row and a stock each, and no indexes."""
    async with here.client() as client:
        db = client[f"inserted_{token_hex(4)}"]
        began = time.perf_counter()
        for first in range(0, count, _PAGE):
            made = [_line(number) for number in range(first, min(first + _PAGE, count))]
            async with client.start_session() as session, await session.start_transaction():
                await db.products.insert_many(_with_ids(made), session=session)
                await db.stock.insert_many([{"left": 1} for _ in made], session=session)
                rows = [{"value": orjson.dumps(each)} for each in _with_ids(made)]
                await db.outbox.insert_many(rows, session=session)
        return Figure(count / (time.perf_counter() - began))


def _with_ids(lines: Sequence[Document]) -> list[Document]:
    return [{**each, "_id": each["variants"][0]["sku"]} for each in lines]


def _written(file: Path, count: int) -> Path:
    if not file.exists():
        with file.open("wb") as lines:
            lines.writelines(orjson.dumps(_line(number)) + b"\n" for number in range(count))
    return file


def _line(number: int) -> Document:
    price = {"amount": 500 + number % 9000, "currency": "GBP"}
    return {
        "title": f"Enamelled cup number {number}",
        "description": "A cup to drink from, fired twice and glazed by hand. " * 6,
        "category": ["Household", f"Cups of kind {number % CATEGORIES}"],
        "attributes": {"brand": f"Brand {number % 50}", "colour": f"colour {number % 12}"},
        "media": [{"url": f"https://img.example/{number}.jpg", "alt": "A cup"}],
        "variants": [{"sku": f"SKU-{number}", "prices": [price], "stock": 100}],
    }
