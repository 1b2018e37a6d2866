"""What pieces of an order are worth: in whichever order they are refunded, the parts add up."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shop_catalog.domain.refunds import Balance, Refund, RefundState
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.variants import Pieces
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine

AT = datetime(2026, 11, 1, tzinfo=UTC)


def gbp(amount: int) -> Money:
    return Money(amount=amount, currency="GBP")


def line(number: int, quantity: int, price: int, discount: int = 0) -> OrderLine:
    off = gbp(min(discount, price * quantity))
    return OrderLine(
        product_id=f"prd_{number}",
        variant_id=f"var_{number}",
        title="Cup",
        quantity=quantity,
        unit_price=gbp(price),
        line_total=gbp(price * quantity),
        discount=off if off.amount else None,
    )


def adjustment(kind: Any, amount: int, *, included: bool = False) -> OrderAdjustment:
    return OrderAdjustment(kind=kind, title=kind, amount=gbp(amount), included=included)


def refunded(number: int, count: int, amount: int, state: RefundState = RefundState.SUCCEEDED) -> Refund:
    pieces = (Pieces(f"prd_{number}", f"var_{number}", count),)
    request = RequestKey("usr_1", "key", "")
    return Refund(
        id="ref_1", amount=gbp(amount), reason="", by="", at=AT, request=request, pieces=pieces, state=state
    )


lines = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 9_999), st.integers(0, 9_999)), min_size=1, max_size=5
)


@given(lines, st.integers(0, 2_000), st.integers(0, 2_000), st.randoms(use_true_random=False))
def test_refunds_piece_by_piece_add_up_to_what_the_goods_cost(
    bought: list[tuple[int, int, int]], shipping: int, tax: int, shuffled: Any
) -> None:
    sold = [line(n, *each) for n, each in enumerate(bought)]
    goods = sum(each.line_total.amount - (each.discount.amount if each.discount else 0) for each in sold)
    added = [adjustment("shipping", shipping), adjustment("tax", tax), adjustment("tax", 9, included=True)]
    captured = goods + shipping + tax
    given: list[Refund] = []
    pieces = [n for n, (count, _, _) in enumerate(bought) for _ in range(count)]
    shuffled.shuffle(pieces)
    for n in pieces:
        balance = Balance(sold, added, captured, (), given, ())
        worth = balance.worth([Pieces(f"prd_{n}", f"var_{n}", 1)])
        assert 0 <= worth <= balance.to_refund
        given.append(refunded(n, 1, worth))
    left = Balance(sold, added, captured, (), given, ())
    taxed = goods + tax * goods // (goods + shipping) if goods else 0
    assert left.refunded == taxed
    assert not left.unrefunded


def test_what_failed_can_be_given_back_again() -> None:
    sold = [line(0, 2, 500)]
    failed = Balance(sold, (), 1000, (), [refunded(0, 2, 1000, RefundState.FAILED)], ())
    assert (failed.to_refund, failed.refunded, failed.unrefunded) == (1000, 0, {"var_0": 2})
    pending = Balance(sold, (), 1000, (), [refunded(0, 1, 500, RefundState.PENDING)], ())
    assert (pending.to_refund, pending.refunded, pending.unrefunded) == (500, 0, {"var_0": 1})


def test_the_discount_of_a_line_is_spread_over_its_pieces() -> None:
    sold = [line(0, 3, 1000, discount=100), line(1, 1, 500)]
    balance = Balance(sold, [adjustment("shipping", 300)], 3700, (), [], ())
    assert balance.worth([Pieces("prd_0", "var_0", 1)]) == 966
    assert balance.worth([Pieces("prd_0", "var_0", 3), Pieces("prd_1", "var_1", 1)]) == 3400
