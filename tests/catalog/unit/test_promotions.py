"""Promotions: what they take off, how they go together, and that no penny is lost between lines."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_catalog.domain.errors import CouponRefused, InvalidPromotion, TotalTooLarge, VersionConflict
from shop_catalog.domain.pricing import PriceRules
from shop_catalog.domain.products import MAX_AMOUNT
from shop_catalog.domain.promotions import (
    AmountOff,
    Benefit,
    BuyXGetY,
    Percentage,
    PricedLine,
    Promotion,
    PromotionTerms,
    assert_coupon_holds,
    best,
    share_of,
    split,
)
from shop_catalog.domain.quotes import Quote
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.tariffs import Tariff
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderLine

AT = datetime(2026, 11, 1, tzinfo=UTC)


def gbp(amount: int) -> Money:
    return Money(amount=amount, currency="GBP")


def promotion(benefit: Benefit, number: int = 1, **more: Any) -> Promotion:
    terms = PromotionTerms(name=f"Promotion {number}", benefit=benefit, **more)
    return Promotion(id=f"pro_{number}", terms=terms, request=RequestKey("usr_m", str(number), "f"))


def line(product_id: str, price: int, quantity: int = 1) -> OrderLine:
    return OrderLine(
        product_id=product_id,
        title=product_id,
        quantity=quantity,
        unit_price=gbp(price),
        line_total=gbp(price * quantity),
    )


def quote(lines: list[OrderLine], *promotions: Promotion, **rules: Any) -> Quote:
    goods = Quote(tuple(lines), Money.total((each.line_total for each in lines), "GBP"))
    return goods.under(PriceRules(promotions, **rules), AT)


priced = st.builds(
    lambda number, quantity, price: PricedLine(f"prd_{number}", quantity, price, price * quantity),
    st.integers(0, 3),
    st.integers(1, 20),
    st.integers(0, 9_999),
)
benefits = st.one_of(
    st.builds(Percentage, st.integers(1, 10_000)),
    st.builds(AmountOff, st.builds(gbp, st.integers(1, 50_000))),
    st.builds(BuyXGetY, st.integers(1, 4), st.integers(1, 3)),
)
promotions_ = st.lists(
    st.builds(
        lambda benefit, products, priority, exclusive: (benefit, frozenset(products), priority, exclusive),
        benefits,
        st.sets(st.sampled_from(["prd_0", "prd_1"]), max_size=2),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=5,
)


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=50), st.data())
def test_the_parts_of_an_amount_sum_up_to_it_and_none_is_above_its_weight(
    weights: list[int], data: st.DataObject
) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    parts = split(amount, weights)
    assert sum(parts) == (amount if sum(weights) else 0)
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(st.integers(0, 10**9), st.integers(0, 10_000))
def test_a_share_is_rounded_half_up(amount: int, basis_points: int) -> None:
    share = share_of(amount, basis_points)
    assert 2 * 10_000 * share - 10_000 <= 2 * amount * basis_points < 2 * 10_000 * share + 10_000


@given(st.lists(priced, min_size=1, max_size=8), promotions_)
def test_no_line_costs_less_than_nothing_and_no_choice_would_have_been_better(
    lines: list[PricedLine], chosen: list[Any]
) -> None:
    offered = [
        promotion(benefit, number, product_ids=products, priority=priority, exclusive=exclusive)
        for number, (benefit, products, priority, exclusive) in enumerate(chosen)
    ]
    applied = best(offered, lines, "GBP")
    taken = [sum(parts) for parts in zip(*(each.discounts for each in applied), strict=True)]
    assert all(off <= each.left for off, each in zip(taken, lines, strict=False))
    assert all(each.total > 0 for each in applied)
    assert len(applied) <= 1 or not any(each.promotion.terms.exclusive for each in applied)
    order = [(each.promotion.terms.priority, each.promotion.id) for each in applied]
    assert all(one < other for one, other in pairwise(order))
    total = sum(taken)
    assert all(sum(alone.discounts(lines, "GBP")) <= total for alone in offered if alone.terms.exclusive)
    assert best(reversed(offered), lines, "GBP") == applied


@given(
    st.lists(st.tuples(st.integers(0, 9_999), st.integers(1, 9)), min_size=1, max_size=8),
    promotions_,
    st.integers(0, 3_000),
    st.booleans(),
)
def test_a_total_is_the_sum_of_lines_and_adjustments(
    goods: list[tuple[int, int]], chosen: list[Any], rate: int, included: bool
) -> None:
    offered = [promotion(each[0], number, exclusive=each[3]) for number, each in enumerate(chosen)]
    tariff = Tariff(country="GB", delivery=(gbp(399),), tax_basis_points=rate, tax_included=included)
    lines = [line(f"prd_{number}", price, count) for number, (price, count) in enumerate(goods)]
    found = quote(lines, *offered, shipping=tariff, taxation=tariff)
    added = [each.amount.amount for each in found.adjustments if not each.included]
    assert found.total.amount == sum(each.line_total.amount for each in found.lines) + sum(added) >= 0
    off_lines = sum(each.discount.amount for each in found.lines if each.discount)
    assert off_lines == -sum(each.amount.amount for each in found.adjustments if each.kind == "discount")


def test_a_percentage_is_rounded_once_over_its_lines() -> None:
    found = quote([line("a", 5), line("b", 5), line("c", 5)], promotion(Percentage(1_000)))
    assert found.total == gbp(13)  # 1.5 is taken off, which is 2
    assert [each.discount for each in found.lines] == [gbp(1), gbp(1), None]


def test_an_amount_takes_off_no_more_than_there_is_and_only_in_its_currency() -> None:
    assert quote([line("a", 300)], promotion(AmountOff(gbp(500)))).total == gbp(0)
    euro = Money(amount=100, currency="EUR")
    assert quote([line("a", 300)], promotion(AmountOff(euro))).adjustments == ()


def test_the_cheapest_pieces_are_free() -> None:
    lines = [line("dear", 1_000, 2), line("cheap", 300, 3), line("other", 1, 9)]
    three_for_two = promotion(BuyXGetY(2, 1), product_ids=frozenset({"dear", "cheap"}))
    found = quote(lines, three_for_two)
    assert [each.discount for each in found.lines] == [None, gbp(300), None]
    assert quote([line("dear", 1_000, 4), line("cheap", 300, 2)], three_for_two).total == gbp(4_000)


def test_promotions_that_stack_apply_to_what_is_left() -> None:
    first, second = promotion(AmountOff(gbp(200)), 2, priority=1), promotion(Percentage(5_000), 1, priority=2)
    found = quote([line("a", 1_000)], second, first)
    assert [each.amount for each in found.adjustments] == [gbp(-200), gbp(-400)]
    assert [each.promotion_id for each in found.adjustments] == ["pro_2", "pro_1"]


@pytest.mark.parametrize(("percent", "winner"), [(4_000, "pro_9"), (3_000, "pro_1"), (2_000, "pro_1")])
def test_an_exclusive_one_stands_alone_and_must_be_better(percent: int, winner: str) -> None:
    alone = promotion(Percentage(percent), 9, priority=0, exclusive=True)
    found = quote([line("a", 1_000)], promotion(AmountOff(gbp(300))), alone)
    assert [each.promotion_id for each in found.adjustments] == [winner]


def test_a_minimum_is_that_of_the_lines_it_is_about() -> None:
    off = promotion(Percentage(1_000), product_ids=frozenset({"a"}), minimum=gbp(500))
    assert quote([line("a", 499), line("b", 10_000)], off).adjustments == ()
    assert quote([line("a", 500)], off).total == gbp(450)


def test_a_promotion_holds_from_its_start_up_to_its_end() -> None:
    hour = timedelta(hours=1)
    off = promotion(Percentage(1), starts_at=AT, ends_at=AT + hour)
    assert [off.holds_at(at) for at in (AT - hour, AT, AT + hour)] == [False, True, False]
    assert not promotion(Percentage(1), active=False).holds_at(AT)
    assert quote([line("a", 10_000)], promotion(Percentage(5_000), starts_at=AT + hour)).total == gbp(10_000)


def test_a_coupon_that_takes_nothing_off_is_refused() -> None:
    nothing = promotion(Percentage(5_000), code="HALF", product_ids=frozenset({"b"}))
    with pytest.raises(CouponRefused) as refused:
        quote([line("a", 1_000)], coupon=nothing)
    assert refused.value.reason == "no_effect"


@pytest.mark.parametrize(("coupon", "reason"), [(None, "unknown"), ({"active": False}, "not_valid_now")])
def test_a_coupon_that_does_not_hold_is_refused(coupon: dict[str, Any] | None, reason: str) -> None:
    found = None if coupon is None else promotion(Percentage(1), code="ONE", **coupon)
    with pytest.raises(CouponRefused) as refused:
        assert_coupon_holds(found, AT)
    assert refused.value.reason == reason


@pytest.mark.parametrize("wrong", [{"most_uses": 1}, {"starts_at": AT, "ends_at": AT}])
def test_terms_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidPromotion):
        promotion(Percentage(1), **wrong).terms.assert_makes_sense()


def test_only_the_version_that_was_seen_can_be_changed() -> None:
    one = promotion(Percentage(1))
    assert one.change(one.terms, 1) is one
    assert one.change(promotion(Percentage(2)).terms, 1).version == 2
    with pytest.raises(VersionConflict):
        one.change(one.terms, 2)


def test_delivery_is_flat_and_free_from_a_threshold_and_tax_is_on_both() -> None:
    tariff = Tariff(
        country="GB",
        delivery=(gbp(500),),
        free_from=(gbp(5_000),),
        tax_basis_points=2_000,
        tax_included=False,
    )
    found = quote([line("a", 1_000)], shipping=tariff, taxation=tariff)
    assert [(each.kind, each.amount.amount) for each in found.adjustments] == [
        ("shipping", 500),
        ("tax", 300),
    ]
    assert found.total == gbp(1_800)
    assert quote([line("a", 5_000)], shipping=tariff).total == gbp(5_000)


def test_an_included_tax_is_told_and_not_added() -> None:
    found = quote([line("a", 1_200)], taxation=Tariff(country="GB", tax_basis_points=2_000))
    [tax] = found.adjustments
    assert (tax.amount, tax.included, found.total) == (gbp(200), True, gbp(1_200))


def test_delivery_cannot_lift_a_total_above_what_can_be_paid() -> None:
    with pytest.raises(TotalTooLarge):
        quote([line("a", MAX_AMOUNT)], shipping=Tariff(country="GB", delivery=(gbp(1),)))
