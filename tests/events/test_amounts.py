"""Amounts are written exactly, whatever the currency's minor unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_events.contracts import Money
from shop_events.contracts.amounts import exponent, format_money


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (123_450, "GBP", "£1,234.50"),
        (5, "EUR", "€0.05"),
        (1_200, "JPY", "JPY 1,200"),
        (1, "KWD", "KWD 0.001"),
        (-250, "USD", "USD -2.50"),
        (-250, "GBP", "-£2.50"),
        (12_345, "CLF", "CLF 1.2345"),
    ],
)
def test_an_amount_has_the_places_of_its_currency(amount: int, currency: str, written: str) -> None:
    assert format_money(Money(amount=amount, currency=currency)) == written


@given(st.integers(-(10**15), 10**15), st.sampled_from(["GBP", "JPY", "KWD", "CLF"]))
def test_no_minor_unit_is_lost(amount: int, currency: str) -> None:
    written = (
        format_money(Money(amount=amount, currency=currency)).replace("£", "").removeprefix(currency).strip()
    )
    assert int(written.replace(",", "").replace(".", "")) == amount
    assert len(written.partition(".")[2]) == exponent(currency)
