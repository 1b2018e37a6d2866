"""What is bought in the end: one size and colour of a product, with prices of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shop_catalog.domain.descriptions import Media, Part
from shop_catalog.domain.errors import InvalidVariants
from shop_events.contracts import Money
from shop_events.contracts.catalog import Attribute

MOST_VARIANTS = 100


class Item(NamedTuple):
    """Something to buy. Without ``variant_id`` it is the product's only variant."""

    product_id: str
    variant_id: str | None = None


class Pieces(NamedTuple):
    """How many pieces of a variant are taken, or go back."""

    product_id: str
    variant_id: str
    quantity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One variant of a product.

    Args:
        id: ``var_…``.
        sku: the stock keeping unit, of which there is one in the shop.
        prices: one a currency; the first is the usual one.
        options: what it differs by from the others, such as size and colour.
        attributes, media: what is said of this one alone.
        weight_grams: for shipping; None where it is not known.
        available: whether any piece is left.
    """

    id: str
    sku: str
    prices: tuple[Money, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    media: tuple[Media, ...] = ()
    weight_grams: int | None = None
    available: bool = False

    @property
    def price(self) -> Money:
        """The usual price."""
        return self.prices[0]

    def price_in(self, currency: str | None) -> Money | None:
        """Return the price in a currency (None: the usual one), None when it is not sold in it."""
        if currency is None:
            return self.price
        return next((price for price in self.prices if price.currency == currency), None)

    def prices_with(self, price: Money) -> tuple[Money, ...]:
        """Return the prices with another one in its currency; an only price is replaced by any other.

        Raises:
            InvalidVariants: it is sold in several currencies, and in this one it is not.
        """
        if len(self.prices) == 1:
            return (price,)
        if self.price_in(price.currency) is None:
            raise InvalidVariants(f"{self.sku} is not sold in {price.currency}.")
        return tuple(price if each.currency == price.currency else each for each in self.prices)

    def as_part(self) -> Part:
        """Return the variant as others may see it: a ProductVariant."""
        return {
            "variant_id": self.id,
            "sku": self.sku,
            "options": self.options,
            "prices": self.prices,
            "image_url": self.media[0].url if self.media else None,
            "available": self.available,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class NewVariant:
    """A variant to be, with the pieces there are of it; see :class:`Variant`."""

    sku: str
    prices: tuple[Money, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    media: tuple[Media, ...] = ()
    weight_grams: int | None = None
    stock: int = 0

    def as_variant(self, variant_id: str) -> Variant:
        """Return it under its id."""
        return Variant(
            id=variant_id,
            sku=self.sku,
            prices=self.prices,
            options=self.options,
            attributes=self.attributes,
            media=self.media,
            weight_grams=self.weight_grams,
            available=self.stock > 0,
        )


def assert_fit_together(variants: Sequence[Variant]) -> None:
    """Make sure that variants can be told apart and that each can be paid for like the others.

    Raises:
        InvalidVariants: they cannot be those of one product.
    """
    if not 1 <= len(variants) <= MOST_VARIANTS:
        raise InvalidVariants(f"A product has 1 to {MOST_VARIANTS} variants.")
    if twice := _repeated(variant.sku for variant in variants):
        raise InvalidVariants(f"Two variants have the stock keeping unit {twice}.")
    names = variants[0].options.keys()
    if any(variant.options.keys() != names for variant in variants):
        raise InvalidVariants("All variants of a product must have the same options.")
    if _repeated(tuple(variant.options[name] for name in names) for variant in variants):
        raise InvalidVariants("Two variants have the same options.")
    _assert_same_currencies(variants)


def _assert_same_currencies(variants: Sequence[Variant]) -> None:
    usual = [price.currency for price in variants[0].prices]
    if not usual or _repeated(usual):
        raise InvalidVariants("A variant has one price in each of its currencies.")
    for variant in variants:
        currencies = [price.currency for price in variant.prices]
        if sorted(currencies) != sorted(usual) or currencies[0] != usual[0]:
            raise InvalidVariants("All variants are priced in the same currencies, the same one first.")


def _repeated(values: Iterable[object]) -> object | None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
