"""From what a basket costs to what is to be paid: promotions, delivery, tax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shop_catalog.domain.errors import CouponRefused
from shop_catalog.domain.promotions import Applied, PricedLine, Promotion, best
from shop_catalog.domain.tariffs import Shipping, Tax, Taxation
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine

SHIPPING_TITLE = "Delivery"


@dataclass(frozen=True, slots=True)
class PriceRules:
    """What holds for one order.

    Args:
        promotions: those that apply by themselves.
        coupon: the one that the customer asks for.
        shipping, taxation: for the country it goes to; None adds nothing.
    """

    promotions: tuple[Promotion, ...] = ()
    coupon: Promotion | None = None
    shipping: Shipping | None = None
    taxation: Taxation | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """Lines with what was taken off each, what was added and taken off altogether, and what is to be paid."""

    lines: tuple[OrderLine, ...]
    adjustments: tuple[OrderAdjustment, ...]
    total: Money


def price(lines: Sequence[OrderLine], rules: PriceRules, at: datetime) -> Price:
    """Price lines, all in one currency, by the rules that hold at a time.

    ``total`` is the sum of all ``line_total`` and of all adjustments that are not included; a discount is
    negative. The discounts of the lines sum up to those adjustments.

    Raises:
        CouponRefused: the coupon takes nothing off, or less than another promotion that excludes it.
    """
    currency = lines[0].line_total.currency
    applied = _applied(lines, rules, at, currency)
    nothing = (0,) * len(lines)
    taken = [sum(parts) for parts in zip(nothing, *(each.discounts for each in applied), strict=True)]
    sold = tuple(
        line.model_copy(update={"discount": _money(off, currency)}) if off else line
        for line, off in zip(lines, taken, strict=True)
    )
    goods = _money(sum(line.line_total.amount for line in lines) - sum(taken), currency)
    delivery = rules.shipping.shipping(goods) if rules.shipping else None
    subtotal = goods + delivery if delivery else goods
    tax = rules.taxation.tax(subtotal) if rules.taxation else None
    total = subtotal + tax.amount if tax and not tax.included else subtotal
    adjustments = [_discount(each, currency) for each in applied]
    if delivery:
        adjustments.append(OrderAdjustment(kind="shipping", title=SHIPPING_TITLE, amount=delivery))
    if tax:
        adjustments.append(_tax(tax))
    return Price(sold, tuple(adjustments), total)


def _applied(
    lines: Sequence[OrderLine], rules: PriceRules, at: datetime, currency: str
) -> tuple[Applied, ...]:
    holding = [each for each in rules.promotions if each.holds_at(at)]
    if rules.coupon:
        holding.append(rules.coupon)
    if not holding:
        return ()
    priced = [
        PricedLine(line.product_id, line.quantity, line.unit_price.amount, line.line_total.amount)
        for line in lines
    ]
    applied = best(holding, priced, currency)
    if rules.coupon and all(each.promotion.id != rules.coupon.id for each in applied):
        raise CouponRefused("no_effect")
    return applied


def _money(amount: int, currency: str) -> Money:
    return Money(amount=amount, currency=currency)


def _discount(applied: Applied, currency: str) -> OrderAdjustment:
    promotion = applied.promotion
    return OrderAdjustment(
        kind="discount",
        title=promotion.terms.name,
        amount=_money(-applied.total, currency),
        promotion_id=promotion.id,
    )


def _tax(tax: Tax) -> OrderAdjustment:
    percent = f"{tax.basis_points / 100:g} %"
    title = f"Tax ({percent}{', included' if tax.included else ''})"
    return OrderAdjustment(kind="tax", title=title, amount=tax.amount, included=tax.included)
