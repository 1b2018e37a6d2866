"""A basket and what it costs: what a customer wants to buy, before there is an order of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.errors import MixedCurrencies, PriceChanged, TotalTooLarge, UnknownProducts
from shop_catalog.domain.pricing import PriceRules, price
from shop_catalog.domain.products import MAX_AMOUNT, Product
from shop_catalog.domain.variants import Item, Pieces
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine, first_variant_id

MOST_TEXT = 400_000
"""Bytes of all lines as JSON: an event holds them, and those that were sent or given back once more."""
_FEW_LINES = 50
"""Which cannot be so many bytes."""


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer wants to buy.

    Args:
        quantities: pieces by product and variant; no variant means the only one.
        payment_method: the provider's token; None to reserve now and pay later.
        expected_total: what the customer was shown, if they say.
        currency: what they want to pay in; None for the usual one of what they buy.
        coupon: a promotion's code.
        country: where it goes, as ISO 3166-1 alpha-2; None for wherever no tariff is special.
        address: where and to whom, in that country, if they say.
    """

    quantities: Mapping[Item, int]
    payment_method: str | None = None
    expected_total: Money | None = None
    currency: str | None = None
    coupon: str | None = None
    country: str | None = None
    address: Address | None = None

    @property
    def product_ids(self) -> set[str]:
        """The products it is about."""
        return {item.product_id for item in self.quantities}


@dataclass(frozen=True, slots=True)
class Quote:
    """What a basket costs now."""

    lines: tuple[OrderLine, ...]
    total: Money
    adjustments: tuple[OrderAdjustment, ...] = ()

    @classmethod
    def of(
        cls, quantities: Mapping[Item, int], products: Iterable[Product], currency: str | None = None
    ) -> Quote:
        """Price a basket at the present prices; lines of the same variant are taken together.

        Raises:
            UnknownProducts: some are not for sale.
            UnknownVariant, VariantNeeded: it is not clear which variant of a product is meant.
            MixedCurrencies: the prices are in more than one currency, or not in the one asked for.
            TotalTooLarge: the total is above MAX_AMOUNT, or the lines are more than MOST_TEXT.
        """
        on_sale = {product.id: product for product in products}
        if unknown := {item.product_id for item in quantities} - on_sale.keys():
            raise UnknownProducts(unknown)
        pieces: Counter[Item] = Counter()
        for item, count in quantities.items():
            chosen = on_sale[item.product_id].variant(item.variant_id)
            pieces[Item(item.product_id, chosen.id)] += count
        lines = tuple(
            _line(on_sale[item.product_id], item, count, currency) for item, count in pieces.items()
        )
        _assert_can_be_told(lines)
        currencies = {line.line_total.currency for line in lines}
        if len(currencies) != 1:
            raise MixedCurrencies(f"One order cannot be paid in {' and '.join(sorted(currencies))}.")
        total = Money.total((line.line_total for line in lines), currencies.pop())
        return cls(lines, total)._payable()

    def under(self, rules: PriceRules, at: datetime) -> Quote:
        """Return what the same lines cost with promotions, delivery and tax.

        Raises:
            CouponRefused: the coupon takes nothing off.
            TotalTooLarge: the total is above MAX_AMOUNT.
        """
        found = price(self.lines, rules, at)
        return Quote(found.lines, found.total, found.adjustments)._payable()

    def _payable(self) -> Quote:
        _assert_payable(self.total.amount)
        return self

    @property
    def pieces(self) -> list[Pieces]:
        """What is to be taken out of stock."""
        return [pieces_of(line) for line in self.lines]

    def as_json(self) -> dict[str, Any]:
        """Return what a client is shown: ``lines``, ``adjustments`` and ``total``."""
        return {
            "lines": [line.model_dump() for line in self.lines],
            "adjustments": [each.model_dump() for each in self.adjustments],
            "total": self.total.model_dump(),
        }

    def assert_is(self, expected: Money | None) -> None:
        """Make sure that the customer saw this total, if they said what they saw.

        Raises:
            PriceChanged: it was another one.
        """
        if expected is not None and expected != self.total:
            raise PriceChanged(self.as_json())


def _line(product: Product, item: Item, quantity: int, currency: str | None) -> OrderLine:
    variant = product.variant(item.variant_id)
    price = variant.price_in(currency)
    if price is None:
        raise MixedCurrencies(f"{variant.sku} is not sold in {currency}.")
    _assert_payable(price.amount * quantity)
    title = product.details.title
    if len(product.variants) > 1:
        title = f"{title} ({', '.join(variant.options.values())})"
    return OrderLine(
        product_id=product.id,
        title=title,
        quantity=quantity,
        unit_price=price,
        line_total=price.times(quantity),
        variant_id=variant.id,
        sku=variant.sku,
    )


def pieces_of(line: OrderLine) -> Pieces:
    """Return what a line takes out of stock."""
    variant_id = line.variant_id or first_variant_id(line.product_id)
    return Pieces(line.product_id, variant_id, line.quantity)


def _assert_payable(amount: int) -> None:
    if amount > MAX_AMOUNT:
        raise TotalTooLarge(f"An order can be worth {MAX_AMOUNT} minor units at most.")


def _assert_can_be_told(lines: Sequence[OrderLine]) -> None:
    """Make sure that events can hold an order, also one that nobody would bear to read."""
    if len(lines) > _FEW_LINES and sum(len(line.model_dump_json().encode()) for line in lines) > MOST_TEXT:
        raise TotalTooLarge("These are too many lines with such long titles for one order.")
