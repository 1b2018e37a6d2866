"""Whoever shares a query is answered as if they had asked alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect, OperationFailure

from shop_catalog.application.shared_products import MOST_AT_ONCE, SharedProducts
from shop_catalog.domain.errors import ProductNotFound
from shop_catalog.domain.products import Product, ProductDetails
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.variants import Variant
from shop_catalog.store.product_documents import product_state
from shop_events.contracts import Money

Json = dict[str, Any]

THERE = {f"prd_{number}" for number in range(5)}
GONE = {"gone_1", "gone_2"}
POISON = {"poison_1", "poison_2"}
TORN = {"torn_1"}


def document(product_id: str) -> Json:
    variant = Variant(id=f"var_{product_id}", sku=product_id, prices=(Money(amount=1, currency="GBP"),))
    request = RequestKey("usr_m", product_id, "")
    product = Product.create(product_id, ProductDetails(title=product_id), [variant], request)
    asked = {"user_id": "usr_m", "key": product_id, "fingerprint": ""}
    return {"_id": product_id, "request": asked, **product_state(product)}


class Store:
    """Answers late, and only once its gate is open."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.failure: Exception | None = None

    async def __call__(self, product_ids: Sequence[str]) -> list[Json]:
        self.asked.append(list(product_ids))
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        if POISON & set(product_ids):
            raise OperationFailure("this cannot be asked")
        found = [document(each) for each in sorted(THERE & set(product_ids), reverse=True)]
        return found + [{"_id": each} for each in TORN & set(product_ids)]


async def outcome(shared: SharedProducts, product_id: str) -> str:
    try:
        return (await shared.show(product_id)).id
    except Exception as error:
        return type(error).__name__


def expected(product_id: str) -> str:
    if product_id in THERE:
        return product_id
    if product_id in GONE:
        return "ProductNotFound"
    return "OperationFailure" if product_id in POISON else "KeyError"


@given(
    asked=st.lists(
        st.tuples(st.sampled_from(sorted(THERE | GONE | POISON | TORN)), st.booleans()), max_size=150
    ),
    pauses=st.lists(st.integers(0, 3), max_size=150),
)
def test_missing_and_failing_products_and_those_who_stop_waiting_harm_nobody_else(
    asked: list[tuple[str, bool]], pauses: list[int]
) -> None:
    async def run() -> None:
        store = Store()
        shared = SharedProducts(store)
        waiting = []
        for number, (product_id, gives_up) in enumerate(asked):
            waiting.append((asyncio.create_task(outcome(shared, product_id)), product_id, gives_up))
            for _ in range(pauses[number] if number < len(pauses) else 0):
                await asyncio.sleep(0)
            if gives_up:
                waiting[-1][0].cancel()
        for task, product_id, gives_up in waiting:
            if gives_up:
                await asyncio.wait([task])
            else:
                assert await task == expected(product_id)
        assert all(len(each) <= MOST_AT_ONCE and len(set(each)) == len(each) for each in store.asked)

    asyncio.run(run())


async def test_those_who_ask_at_the_same_time_share_one_query() -> None:
    store = Store()
    shared = SharedProducts(store)
    answers = await asyncio.gather(*(outcome(shared, f"prd_{number % 5}") for number in range(40)))
    assert answers == [f"prd_{number % 5}" for number in range(40)]
    assert len(store.asked) == 1


async def test_whoever_asks_while_a_query_is_under_way_gets_the_answer_to_a_later_one() -> None:
    store = Store()
    shared = SharedProducts(store)
    first = asyncio.create_task(outcome(shared, "prd_1"))
    while not store.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert await asyncio.gather(first, outcome(shared, "prd_1")) == ["prd_1", "prd_1"]
    assert len(store.asked) == 2


async def test_a_database_that_is_away_is_not_asked_once_for_each_product() -> None:
    store = Store()
    store.failure = AutoReconnect("away")
    shared = SharedProducts(store)
    answers = await asyncio.gather(*(outcome(shared, f"prd_{number}") for number in range(5)))
    assert answers == ["AutoReconnect"] * 5
    assert len(store.asked) == 1


async def test_a_product_that_nobody_sees_is_not_found() -> None:
    with pytest.raises(ProductNotFound):
        await SharedProducts(Store()).show("gone_1")
