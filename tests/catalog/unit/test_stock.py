from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_catalog.domain.errors import OutOfStock, StockOutOfRange
from shop_catalog.domain.stock import LOW_WATER, MAX_STOCK, StockItem
from shop_events.contracts.catalog import StockLow, StockRanOut, StockReturned

AT = datetime(2026, 11, 1, tzinfo=UTC)

counts = st.integers(min_value=0, max_value=50)
moves = st.lists(st.tuples(st.sampled_from(["take", "give_back", "adjust"]), st.integers(1, 20)))


def item(left: int) -> StockItem:
    return StockItem(variant_id="var_1", product_id="prd_1", left=left)


def test_more_than_there_is_cannot_be_taken() -> None:
    stock = item(2)
    with pytest.raises(OutOfStock) as refused:
        stock.take(3, AT)
    assert refused.value.product_ids == ["prd_1"]
    assert (stock.left, stock.facts) == (2, [])


@pytest.mark.parametrize("delta", [-3, MAX_STOCK])
def test_an_adjustment_out_of_range_changes_nothing(delta: int) -> None:
    stock = item(2)
    with pytest.raises(StockOutOfRange):
        stock.adjust(delta, AT)
    assert (stock.left, stock.facts) == (2, [])


def test_each_threshold_is_told_once_as_it_is_crossed() -> None:
    stock = item(LOW_WATER + 2)
    stock.take(1, AT)
    stock.take(1, AT)
    stock.take(1, AT)
    stock.take(LOW_WATER - 1, AT)
    stock.give_back(2, AT)
    assert [type(fact.event) for fact in stock.facts] == [StockLow, StockRanOut, StockReturned]
    assert [fact.sequence for fact in stock.facts] == [1, 2, 3]


@given(counts, moves)
def test_stock_is_what_went_in_less_what_went_out_and_never_negative(
    left: int, steps: list[tuple[str, int]]
) -> None:
    stock, expected = item(left), left
    for name, count in steps:
        change = -count if name == "take" else count
        if expected + change < 0:
            with pytest.raises(OutOfStock):
                stock.take(count, AT)
        else:
            getattr(stock, name)(count, AT)
            expected += change
        assert stock.left == expected >= 0
    assert stock.delta == expected - left
    assert stock.version == len(stock.facts)


@given(counts, moves)
def test_out_and_back_in_stock_are_told_in_turn(left: int, steps: list[tuple[str, int]]) -> None:
    stock = item(left)
    for name, count in steps:
        if name != "take" or stock.has(count):
            getattr(stock, name)(count, AT)
    crossings = [type(fact.event) for fact in stock.facts if not isinstance(fact.event, StockLow)]
    assert all(one is not other for one, other in pairwise(crossings))
    assert stock.crossed == (len(crossings) % 2 == 1)
