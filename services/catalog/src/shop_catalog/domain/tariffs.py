"""What is added to an order for delivery and tax: two ports, and a flat table by country that serves both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from shop_catalog.domain.promotions import WHOLE, share_of
from shop_events.contracts import Money

ELSEWHERE = "*"
"""The country whose tariff holds for all that have none of their own."""


class Tax(NamedTuple):
    """A tax; ``included`` says that the prices contain it already."""

    amount: Money
    basis_points: int
    included: bool


class Shipping(Protocol):
    """Says what delivery costs."""

    def shipping(self, goods: Money) -> Money | None:
        """Return what delivering ``goods`` (their worth after discounts) costs, None when nothing."""


class Taxation(Protocol):
    """Says what the state wants."""

    def tax(self, taxable: Money) -> Tax | None:
        """Return the tax on ``taxable`` (goods after discounts, and delivery), None when there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tariff:
    """Delivery at a flat price by currency, and one rate of tax.

    Args:
        country: ISO 3166-1 alpha-2, or ELSEWHERE.
        delivery: what delivery costs, once a currency; nothing in currencies that are not named.
        free_from: the worth of goods from which delivery costs nothing, once a currency.
        tax_basis_points: the rate, in hundredths of a percent.
        tax_included: whether prices contain the tax.
    """

    country: str
    delivery: tuple[Money, ...] = ()
    free_from: tuple[Money, ...] = ()
    tax_basis_points: int = 0
    tax_included: bool = True

    def shipping(self, goods: Money) -> Money | None:
        """Return what delivery costs; see :class:`Shipping`."""
        price, threshold = _in(self.delivery, goods), _in(self.free_from, goods)
        if price is None or price.amount == 0 or (threshold and goods.amount >= threshold.amount):
            return None
        return price

    def tax(self, taxable: Money) -> Tax | None:
        """Return the tax, rounded once, half up; see :class:`Taxation`."""
        rate = self.tax_basis_points
        amount = share_of(taxable.amount, rate, WHOLE + rate if self.tax_included else WHOLE)
        if amount == 0:
            return None
        return Tax(Money(amount=amount, currency=taxable.currency), rate, self.tax_included)


def _in(amounts: tuple[Money, ...], like: Money) -> Money | None:
    return next((amount for amount in amounts if amount.currency == like.currency), None)
