"""No order ever meets another price than its invoice's, and everything is bought in the end."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shop_devstack.demo.invoices import Invoice, Line
from shop_devstack.demo.schedule import PriceSchedule, Start

SKUS = ("A", "B", "C", "D")
BASKETS = st.lists(
    st.dictionaries(st.sampled_from(SKUS), st.integers(1, 3), min_size=1, max_size=4), max_size=25
)


def invoices(baskets: list[dict[str, int]]) -> list[Invoice]:
    return [
        Invoice(str(number), "c", tuple(Line(sku, sku, 1, price) for sku, price in basket.items()))
        for number, basket in enumerate(baskets)
    ]


class Shop:
    """Carries out starts in any order that concurrency allows; looks at the prices when an order lands."""

    def __init__(self, schedule: PriceSchedule, prices: dict[str, int], dice: random.Random) -> None:
        self.schedule = schedule
        self.prices = prices
        self.dice = dice
        self.changing: list[tuple[Start, list[str]]] = []
        self.ordering: list[Invoice] = []
        self.bought: list[str] = []

    def take(self, most: int) -> int:
        starts = self.schedule.take(most)
        for start in starts:
            if start.changes:
                self.changing.append((start, list(start.changes)))
            else:
                self.ordering.append(start.invoice)
        return len(starts)

    def step(self) -> None:
        if self.changing and (not self.ordering or self.dice.random() < 0.5):
            self._change_one_price()
        else:
            invoice = self.ordering.pop(self.dice.randrange(len(self.ordering)))
            assert {line.sku: self.prices[line.sku] for line in invoice.lines} == {
                line.sku: line.price for line in invoice.lines
            }
            self.bought.append(invoice.number)
            self.schedule.finished(invoice)

    def _change_one_price(self) -> None:
        index = self.dice.randrange(len(self.changing))
        start, left = self.changing[index]
        sku = left.pop()
        self.prices[sku] = start.changes[sku]
        if not left:
            del self.changing[index]
            self.schedule.priced(start.invoice)
            self.ordering.append(start.invoice)


@given(BASKETS, st.integers(1, 6), st.integers(1, 30), st.integers())
def test_every_order_meets_the_prices_of_its_invoice(
    baskets: list[dict[str, int]], buyers: int, window: int, seed: int
) -> None:
    wanted = invoices(baskets)
    prices = dict.fromkeys(SKUS, 1)
    schedule = PriceSchedule(wanted, prices, window)
    shop = Shop(schedule, prices, random.Random(seed))

    in_flight = 0
    while in_flight or not schedule.exhausted:
        in_flight += shop.take(buyers - in_flight)
        assert 0 < in_flight <= buyers, "something can always go on"
        done = len(shop.bought)
        shop.step()
        in_flight -= len(shop.bought) - done

    assert sorted(shop.bought) == sorted(invoice.number for invoice in wanted)


def test_invoices_that_agree_on_prices_run_together() -> None:
    schedule = PriceSchedule(invoices([{"A": 1}, {"A": 1, "B": 1}, {"B": 1}]), {"A": 1, "B": 1})

    assert [start.changes for start in schedule.take(10)] == [{}, {}, {}]


def test_a_price_changes_only_when_no_order_of_the_old_price_is_in_flight() -> None:
    first, second = invoices([{"A": 1}, {"A": 2}])
    schedule = PriceSchedule([first, second], {"A": 1})

    assert schedule.take(10) == [Start(first, {})]
    assert schedule.take(10) == []
    schedule.finished(first)
    assert schedule.take(10) == [Start(second, {"A": 2})]


def test_an_order_at_the_new_price_waits_until_the_price_is_changed() -> None:
    first, second = invoices([{"A": 2}, {"A": 2}])
    schedule = PriceSchedule([first, second], {"A": 1})

    assert schedule.take(10) == [Start(first, {"A": 2})]
    assert schedule.take(10) == []
    schedule.priced(first)
    assert schedule.take(10) == [Start(second, {})]


def test_one_behind_may_overtake_within_the_window_only() -> None:
    wanted = invoices([{"A": 1}, {"A": 2}, {"B": 1}])
    prices = {"A": 1, "B": 1}

    assert len(PriceSchedule(wanted, prices, window=3).take(10)) == 2
    assert len(PriceSchedule(wanted, prices, window=2).take(10)) == 1
