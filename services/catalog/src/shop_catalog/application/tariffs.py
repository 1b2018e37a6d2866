"""Tariffs: what delivery and tax cost by country, as merchants say."""

from __future__ import annotations

from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.tariffs import Tariff
from shop_catalog.store.unit_of_work import CatalogUnitOfWork


async def put(uow: CatalogUnitOfWork, tariff: Tariff, caller: Caller) -> Tariff:
    """Say what delivery to a country and its tax cost from now on.

    Raises:
        AccessDenied: the caller is no merchant.
    """
    demand_merchant(caller)
    await uow.tariffs.put(tariff)
    return tariff


async def remove(uow: CatalogUnitOfWork, country: str, caller: Caller) -> None:
    """Let a country cost what it costs elsewhere; again is harmless.

    Raises:
        AccessDenied: the caller is no merchant.
    """
    demand_merchant(caller)
    await uow.tariffs.remove(country)


async def every(uow: CatalogUnitOfWork) -> list[Tariff]:
    """Return all tariffs, by country."""
    return await uow.tariffs.all()
