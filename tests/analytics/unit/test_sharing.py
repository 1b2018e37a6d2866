"""Questions that come at the same time share a query, and nobody is answered by one that began before."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from shop_analytics.application.sharing import SharedQuery
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork

UOW: AnalyticsUnitOfWork = None  # type: ignore[assignment]


class Shelf:
    """Answers when it is let; knows all products but those named ``no…``."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.stock = 1
        self.may_answer = asyncio.Event()

    async def ask(self, uow: AnalyticsUnitOfWork, ids: Collection[str]) -> dict[str, int]:
        self.asked.append(set(ids))
        stock = self.stock
        await self.may_answer.wait()
        return {id: stock for id in sorted(ids) if not id.startswith("no")}


async def test_questions_of_the_same_time_are_one_query_and_each_gets_its_own_in_its_order() -> None:
    shelf = Shelf()
    shelf.may_answer.set()
    query = SharedQuery(shelf.ask)
    first, second = await asyncio.gather(query.of(UOW, ["b", "a", "nothing"]), query.of(UOW, ["c", "a"]))
    assert (list(first), list(second)) == (["b", "a"], ["c", "a"])
    assert shelf.asked == [{"a", "b", "c", "nothing"}]


async def test_who_asks_while_a_query_is_under_way_learns_what_it_is_afterwards() -> None:
    shelf = Shelf()
    query = SharedQuery(shelf.ask)
    early = asyncio.ensure_future(query.of(UOW, ["a"]))
    while not shelf.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    shelf.stock = 0
    late = asyncio.ensure_future(query.of(UOW, ["a"]))
    await asyncio.sleep(0)
    shelf.may_answer.set()
    assert (await early, await late) == ({"a": 1}, {"a": 0})


async def test_nothing_is_asked_about_no_products() -> None:
    shelf = Shelf()
    assert await SharedQuery(shelf.ask).of(UOW, ()) == {}
    assert shelf.asked == []
