"""Promotions: what a merchant takes off a price, as data; how several go together, and how it is rounded.

Those that stack are applied one after another, by priority and then by id, each to what the earlier ones
left. An exclusive one stands alone. Whichever of these takes off the most is what the customer gets; where
two take off the same, the stacked ones come first, then the lower priority. All amounts are integer minor
units: a percentage is rounded once over all its lines, half up, and split so that the lines sum up to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from shop_catalog.domain.errors import CouponRefused, InvalidPromotion, VersionConflict
from shop_catalog.domain.requests import RequestKey
from shop_events.contracts import Money

WHOLE = 10_000
"""A hundred percent, in basis points."""


@dataclass(frozen=True, slots=True)
class Percentage:
    """So many basis points (hundredths of a percent) of what the lines cost."""

    basis_points: int


@dataclass(frozen=True, slots=True)
class AmountOff:
    """So much of what the lines cost together, in one currency; never more than they cost."""

    amount: Money


@dataclass(frozen=True, slots=True)
class BuyXGetY:
    """Of each ``buy + free`` pieces, ``free`` cost nothing: the cheapest of all."""

    buy: int
    free: int


Benefit = Percentage | AmountOff | BuyXGetY


class PricedLine(NamedTuple):
    """A line as promotions see it: ``left`` is what it still costs, in minor units."""

    product_id: str
    quantity: int
    unit_price: int
    left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotionTerms:
    """What a merchant says of a promotion.

    Args:
        name: what customers read on their receipt.
        benefit: what it takes off.
        product_ids: what it is about; none means everything.
        code: the coupon that asks for it, None when it applies by itself.
        starts_at, ends_at: when it holds; from the first, up to but not at the second.
        minimum: what the lines it is about must cost at least, before anything is taken off.
        priority: the lower is applied first.
        exclusive: whether it stands alone.
        most_uses, most_per_customer: how many orders may use a coupon; None means any number.
        active: whether it holds at all.
    """

    name: str
    benefit: Benefit
    product_ids: frozenset[str] = frozenset()
    code: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    minimum: Money | None = None
    priority: int = 100
    exclusive: bool = False
    most_uses: int | None = None
    most_per_customer: int | None = None
    active: bool = True

    def assert_makes_sense(self) -> None:
        """Make sure that it can ever be used, and counted.

        Raises:
            InvalidPromotion: it cannot.
        """
        if self.code is None and (self.most_uses or self.most_per_customer):
            raise InvalidPromotion("Only a coupon is counted: name a code.")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise InvalidPromotion("It would end before it starts.")
        if isinstance(self.benefit, AmountOff) and not self.benefit.amount.amount:
            raise InvalidPromotion("It would take nothing off.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """A promotion. Its version moves with each change."""

    id: str
    terms: PromotionTerms
    request: RequestKey
    version: int = 1

    def change(self, terms: PromotionTerms, version: int) -> Promotion:
        """Return it under other terms; saying the same again changes nothing.

        Raises:
            VersionConflict: ``version`` is not the present one.
            InvalidPromotion: it could never be used.
        """
        if version != self.version:
            raise VersionConflict("The promotion was changed in the meantime.")
        terms.assert_makes_sense()
        return self if terms == self.terms else replace(self, terms=terms, version=version + 1)

    def holds_at(self, at: datetime) -> bool:
        """Say whether it may be used at a time."""
        terms = self.terms
        begun = terms.starts_at is None or terms.starts_at <= at
        return terms.active and begun and (terms.ends_at is None or at < terms.ends_at)

    def discounts(self, lines: Sequence[PricedLine], currency: str) -> list[int]:
        """Return what it takes off each line, in minor units of ``currency``; 0 where it does not apply."""
        terms = self.terms
        chosen = [not terms.product_ids or line.product_id in terms.product_ids for line in lines]
        meant = [line for line, is_chosen in zip(lines, chosen, strict=True) if is_chosen]
        if not meant or not self._is_worth_it(meant, currency):
            return [0] * len(lines)
        taken = iter(_taken_off(terms.benefit, meant, currency))
        return [next(taken) if is_chosen else 0 for is_chosen in chosen]

    def _is_worth_it(self, lines: Sequence[PricedLine], currency: str) -> bool:
        minimum = self.terms.minimum
        if minimum is None:
            return True
        full = sum(line.unit_price * line.quantity for line in lines)
        return minimum.currency == currency and full >= minimum.amount


class Applied(NamedTuple):
    """A promotion, and what it takes off each line in minor units."""

    promotion: Promotion
    discounts: tuple[int, ...]

    @property
    def total(self) -> int:
        """What it takes off altogether."""
        return sum(self.discounts)


def best(promotions: Iterable[Promotion], lines: Sequence[PricedLine], currency: str) -> tuple[Applied, ...]:
    """Return the promotions that the customer gets, in the order in which they are applied.

    Each takes off something, and together they never take off more than a line costs.
    """
    ordered = sorted(promotions, key=lambda each: (each.terms.priority, each.id))
    choices = [_stacked([each for each in ordered if not each.terms.exclusive], lines, currency)]
    choices += [_stacked([each], lines, currency) for each in ordered if each.terms.exclusive]
    return max(choices, key=lambda applied: sum(each.total for each in applied))


def assert_coupon_holds(coupon: Promotion | None, at: datetime) -> Promotion:
    """Return the coupon that a code led to.

    Raises:
        CouponRefused: it led to none, or to one that does not hold at this time.
    """
    if coupon is None:
        raise CouponRefused("unknown")
    if not coupon.holds_at(at):
        raise CouponRefused("not_valid_now")
    return coupon


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Split ``amount`` in proportion to ``weights`` by largest remainder; the parts sum up to it.

    No part is larger than its weight as long as ``amount`` is no larger than all weights together. Of equal
    remainders the earlier one gets the odd unit.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(amount * weights[place] % whole))
    for place in by_remainder[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def share_of(amount: int, basis_points: int, whole: int = WHOLE) -> int:
    """Return ``basis_points / whole`` of an amount, rounded half up."""
    return (2 * amount * basis_points + whole) // (2 * whole)


def _stacked(
    promotions: Sequence[Promotion], lines: Sequence[PricedLine], currency: str
) -> tuple[Applied, ...]:
    applied = []
    for promotion in promotions:
        discounts = promotion.discounts(lines, currency)
        if any(discounts):
            applied.append(Applied(promotion, tuple(discounts)))
            lines = [
                line._replace(left=line.left - taken) for line, taken in zip(lines, discounts, strict=True)
            ]
    return tuple(applied)


def _taken_off(benefit: Benefit, lines: Sequence[PricedLine], currency: str) -> list[int]:
    lefts = [line.left for line in lines]
    match benefit:
        case Percentage(basis_points):
            return split(share_of(sum(lefts), basis_points), lefts)
        case AmountOff(amount):
            wanted = amount.amount if amount.currency == currency else 0
            return split(min(wanted, sum(lefts)), lefts)
        case BuyXGetY(buy, free):
            return _free_pieces(lines, buy, free)


def _free_pieces(lines: Sequence[PricedLine], buy: int, free: int) -> list[int]:
    pieces = sum(line.quantity for line in lines) // (buy + free) * free
    taken = [0] * len(lines)
    for place in sorted(range(len(lines)), key=lambda place: (lines[place].unit_price, place)):
        line = lines[place]
        count = min(pieces, line.quantity)
        taken[place] = min(count * line.unit_price, line.left)
        pieces -= count
    return taken
