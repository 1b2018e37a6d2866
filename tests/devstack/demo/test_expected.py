"""What analytics must count follows from the plan and the invoices alone."""

from datetime import UTC, datetime

import pytest

from shop_devstack.demo import expected, visits
from shop_devstack.demo.expected import Counts
from shop_devstack.demo.invoices import Invoice, Line

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def invoice(number: str, *skus: str, quantity: int = 2) -> Invoice:
    lines = tuple(Line(sku, f"The {sku}", quantity, 100) for sku in skus)
    return Invoice(number, f"customer of {number}", lines)


def test_what_is_bought_is_counted_by_order_unit_and_pair() -> None:
    counts = expected.bought([invoice("1", "a", "b", "c"), invoice("2", "a")])
    assert (counts.purchases, counts.units, counts.co_purchases) == (2, 8, 3)


def test_each_product_knows_how_often_each_other_was_in_the_same_order() -> None:
    found = expected.companions([invoice("1", "a", "b"), invoice("2", "b", "a", "c"), invoice("3", "d")])
    assert found == {"a": {"b": 2, "c": 1}, "b": {"a": 2, "c": 1}, "c": {"a": 1, "b": 1}}


def test_pairs_and_their_number_agree_for_an_order_of_any_length() -> None:
    long = invoice("1", *(f"sku{number}" for number in range(60)))
    pairs = sum(sum(others.values()) for others in expected.companions([long]).values()) // 2
    assert expected.bought([long]).co_purchases == pairs == 40 * 39 // 2


def test_of_a_view_the_largest_total_counts() -> None:
    plan = visits.plan([invoice("1", "a", "b")], "run", NOON)
    counts = expected.browsed(plan.values())
    views = plan["1"].views
    assert counts.views == len(views)
    assert counts.engaged_ms == sum(view.totals[-1] for view in views)


@pytest.mark.parametrize(
    ("counted", "alone", "said"),
    [
        (Counts(views=5), True, []),
        (Counts(views=6), True, ["analytics has counted 6 views, not 5"]),
        (Counts(views=6), False, []),
        (Counts(views=4), False, ["analytics has counted 4 views, not 5"]),
    ],
)
def test_more_than_expected_is_a_fault_unless_others_used_the_shop(
    counted: Counts, alone: bool, said: list[str]
) -> None:
    assert expected.differences(Counts(views=5), counted, alone=alone) == said


def test_what_is_missing_adds_up_and_engaged_time_is_one_thing() -> None:
    want = Counts(views=5, engaged_ms=90_000, units=3)
    assert want.missing(Counts(views=4, engaged_ms=10, units=3)) == 2
    assert want.missing(Counts(views=9, engaged_ms=90_000, units=3)) == 0


def test_minutes_of_the_summary_become_milliseconds_again() -> None:
    names = set(Counts._fields) - {"engaged_ms"}
    summary = {"engaged_minutes": 61_234 / 60_000, **dict.fromkeys(names, 1)}
    assert Counts.of(summary).engaged_ms == 61_234


def test_the_attack_raises_one_alert_and_nobody_else_does() -> None:
    attack = ("login-failures", "usr_victim")
    assert expected.wrong_alerts([attack], "usr_victim", {"vis_1"}) == []
    assert expected.wrong_alerts([], "usr_victim", set()) == [
        "the attack on usr_victim raised 0 alerts, not 1"
    ]
    assert expected.wrong_alerts([attack, attack], "usr_victim", set()) != []
    assert expected.wrong_alerts([attack, ("scraping", "vis_1")], "usr_victim", {"vis_1"}) == [
        "scraping was raised about vis_1"
    ]
