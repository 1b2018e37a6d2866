"""Amounts as people read them, exact to the last minor unit."""

from __future__ import annotations

from decimal import Decimal

from shop_events.contracts import Money

# ISO 4217, list one: the currencies whose minor unit is not a hundredth.
_PLACES = (
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
)
_EXPONENTS = {code: places for places, codes in _PLACES for code in codes.split()}


def exponent(currency: str) -> int:
    """Return how many decimal places the major unit of an ISO 4217 currency has."""
    return _EXPONENTS.get(currency, 2)


def format_money(money: Money) -> str:
    """Write an amount, for instance ``GBP 1,234.50``, ``JPY 1,200`` or ``KWD 0.001``."""
    places = exponent(money.currency)
    return f"{money.currency} {Decimal(money.amount).scaleb(-places):,.{places}f}"
