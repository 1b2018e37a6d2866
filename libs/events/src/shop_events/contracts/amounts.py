"""Amounts as people read them, exact to the last minor unit."""

from __future__ import annotations

from decimal import Decimal

from iso4217 import Currency

from shop_events.contracts.base import Money

# Signs that mean one currency to everybody; others share theirs, as the dollars do.
_SIGNS = {"GBP": "£", "EUR": "€"}
_EXPONENTS = {each.code: each.exponent for each in Currency if each.exponent is not None}


def exponent(currency: str) -> int:
    """Return how many decimal places the major unit of an ISO 4217 currency has."""
    return _EXPONENTS.get(currency, 2)


def is_currency(code: str) -> bool:
    """Say whether amounts are paid in it: it is in ISO 4217's list, and has a minor unit or is one itself."""
    return code in _EXPONENTS


def format_money(money: Money) -> str:
    """Write an amount, for instance ``£1,234.50``, ``-£2.50``, ``JPY 1,200`` or ``KWD 0.001``."""
    places = exponent(money.currency)
    number = f"{abs(Decimal(money.amount)).scaleb(-places):,.{places}f}"
    minus = "-" * (money.amount < 0)
    if sign := _SIGNS.get(money.currency):
        return f"{minus}{sign}{number}"
    return f"{money.currency} {minus}{number}"
