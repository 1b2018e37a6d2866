"""Which price rules hold: those for everybody, remembered for a moment, and the coupon of one order."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shop_catalog.application import promotions
from shop_catalog.domain.pricing import PriceRules
from shop_catalog.domain.promotions import Promotion, assert_coupon_holds
from shop_catalog.domain.quotes import Basket, Quote
from shop_catalog.domain.tariffs import ELSEWHERE, Tariff
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What holds for every order: promotions without a code, and tariffs by country."""

    promotions: tuple[Promotion, ...]
    tariffs: Mapping[str, Tariff]

    def to(self, country: str | None) -> PriceRules:
        """Return the rules for an order that goes to a country."""
        tariff = self.tariffs.get(country or ELSEWHERE) or self.tariffs.get(ELSEWHERE)
        return PriceRules(self.promotions, shipping=tariff, taxation=tariff)


class PriceBook:
    """The house rules, read again once they are older than ``lifetime``.

    Reading them costs two round trips, which an order need not wait for: what a merchant changes is heeded
    after ``lifetime`` at the latest. When a promotion starts and ends is heeded at once: its terms say so.
    """

    def __init__(self, transact: Transact, lifetime: timedelta) -> None:
        self._transact = transact
        self._lifetime = lifetime.total_seconds()
        self._known: HouseRules | None = None
        self._read_at = 0.0

    async def rules(self) -> HouseRules:
        """Return what holds for every order."""
        asked_at = time.monotonic()
        if self._known is None or asked_at - self._read_at >= self._lifetime:
            self._known, self._read_at = await self._transact.read(_house_rules), asked_at
        return self._known


async def quote(
    uow: CatalogUnitOfWork, basket: Basket, house: HouseRules, customer_id: str | None, at: datetime
) -> Quote:
    """Price a basket for a customer, or for anybody.

    Raises:
        UnknownProducts, UnknownVariant, VariantNeeded, MixedCurrencies, TotalTooLarge: it cannot be sold.
        CouponRefused: the coupon does not hold, was used up, or takes nothing off.
    """
    rules = await rules_for(uow, basket, house, at)
    if rules.coupon is not None and customer_id is not None:
        await promotions.assert_usable(uow, rules.coupon, customer_id)
    products = await uow.products.on_sale(basket.product_ids)
    return Quote.of(basket.quantities, products, basket.currency).under(rules, at)


async def rules_for(uow: CatalogUnitOfWork, basket: Basket, house: HouseRules, at: datetime) -> PriceRules:
    """Return the rules that a basket is priced by, with its coupon.

    Raises:
        CouponRefused: the coupon does not hold.
    """
    rules = house.to(basket.country)
    if basket.coupon is None:
        return rules
    coupon = assert_coupon_holds(await uow.promotions.by_code(basket.coupon), at)
    return replace(rules, coupon=coupon)


async def _house_rules(uow: CatalogUnitOfWork) -> HouseRules:
    tariffs = await uow.tariffs.all()
    automatic = await uow.promotions.automatic()
    return HouseRules(tuple(automatic), {tariff.country: tariff for tariff in tariffs})
