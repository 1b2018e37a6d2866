"""Amounts as people read them, exact to the last minor unit."""

from __future__ import annotations

from decimal import Decimal

from shop_events.contracts.base import Money

# ISO 4217, list one: the currencies whose minor unit is not a hundredth.
_PLACES = (
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
)
# Signs that mean one currency to everybody; others share theirs, as the dollars do.
_SIGNS = {"GBP": "£", "EUR": "€"}
_EXPONENTS = {code: places for places, codes in _PLACES for code in codes.split()}


def exponent(currency: str) -> int:
    """Return how many decimal places the major unit of an ISO 4217 currency has."""
    return _EXPONENTS.get(currency, 2)


def format_money(money: Money) -> str:
    """Write an amount, for instance ``£1,234.50``, ``-£2.50``, ``JPY 1,200`` or ``KWD 0.001``."""
    places = exponent(money.currency)
    number = f"{abs(Decimal(money.amount)).scaleb(-places):,.{places}f}"
    minus = "-" * (money.amount < 0)
    if sign := _SIGNS.get(money.currency):
        return f"{minus}{sign}{number}"
    return f"{money.currency} {minus}{number}"
