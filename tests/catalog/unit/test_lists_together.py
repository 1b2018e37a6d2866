"""A list that many want at the same time is read once for all who asked meanwhile."""

import asyncio
from typing import Any

import pytest

from shop_catalog.api.kept_answers import KeptAnswers
from shop_catalog.api.plain_reads import PlainReads
from shop_catalog.application.lists import ProductPage, Wanted
from tests.catalog.conftest import until

SCOPES: list[dict[str, Any]] = [
    {"query_string": f"limit={limit}".encode(), "headers": []} for limit in (1, 2)
]


class Shelf:
    """Answers with empty lists once it is let; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.open = asyncio.Event()

    async def __call__(self, wanted: Wanted) -> ProductPage:
        self.asked.append(wanted.limit)
        await self.open.wait()
        if wanted.limit == 2:
            raise ZeroDivisionError
        return ProductPage([], None)


async def begun(shelf: Shelf, asked: int) -> None:
    async def has_begun() -> bool:
        return len(shelf.asked) >= asked

    await until(has_begun)


async def test_those_who_ask_while_a_list_is_read_share_the_next_reading_of_it() -> None:
    shelf = Shelf()
    reads = PlainReads(None, shelf, KeptAnswers(0))  # type: ignore[arg-type]
    first = asyncio.create_task(reads.list(SCOPES[0], ""))
    await begun(shelf, 1)
    later = [asyncio.create_task(reads.list(SCOPES[0], "")) for _ in range(20)]
    other = asyncio.create_task(reads.list(SCOPES[1], ""))
    await begun(shelf, 2)
    shelf.open.set()
    answers = await asyncio.gather(first, *later)
    assert sorted(shelf.asked) == [1, 1, 2]
    assert all(answer and answer.status == 200 for answer in answers)
    with pytest.raises(ZeroDivisionError):
        await other


async def test_nothing_is_held_of_those_who_left() -> None:
    shelf = Shelf()
    reads = PlainReads(None, shelf, KeptAnswers(0))  # type: ignore[arg-type]
    leaving = asyncio.create_task(reads.list(SCOPES[0], ""))
    await begun(shelf, 1)
    leaving.cancel()
    await asyncio.wait([leaving])
    shelf.open.set()

    async def is_forgotten() -> bool:
        return not reads._under_way

    await until(is_forgotten)
