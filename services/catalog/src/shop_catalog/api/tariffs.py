"""Tariffs over HTTP: what delivery and tax cost, said by merchants, seen by anybody."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.requests import Amount
from shop_catalog.application import tariffs
from shop_catalog.domain.errors import AccessDenied
from shop_catalog.domain.promotions import WHOLE
from shop_catalog.domain.tariffs import Tariff
from shop_chassis.auth import Authenticated
from shop_chassis.http import Body, Read, Transact
from shop_chassis.openapi import responses
from shop_events.contracts import Money

router = APIRouter(tags=["tariffs"])

Country = Annotated[
    str, Path(pattern=r"^([A-Z]{2}|\*)$", description="ISO 3166-1 alpha-2; * for all that have none")
]


def _one_a_currency(amounts: list[Amount]) -> list[Amount]:
    if len({each.currency for each in amounts}) < len(amounts):
        raise ValueError("A currency is named twice.")
    return amounts


Amounts = Annotated[
    list[Amount], Field(max_length=50, description="One a currency"), AfterValidator(_one_a_currency)
]


class PutTariff(Body):
    """What delivery to a country costs, and the rate of its tax in basis points."""

    delivery: Amounts = []
    free_from: Amounts = []
    tax_basis_points: Annotated[int, Field(ge=0, le=WHOLE)] = 0
    tax_included: bool = True

    def tariff(self, country: str) -> Tariff:
        """Return it as the domain has it."""
        return Tariff(
            country=country,
            delivery=tuple(each.money() for each in self.delivery),
            free_from=tuple(each.money() for each in self.free_from),
            tax_basis_points=self.tax_basis_points,
            tax_included=self.tax_included,
        )


class TariffView(BaseModel):
    """What delivery and tax cost in a country; ``*`` is all that have no tariff of their own."""

    country: str
    delivery: list[Money]
    free_from: list[Money]
    tax_basis_points: int
    tax_included: bool

    @classmethod
    def of(cls, tariff: Tariff) -> Self:
        """Return how a tariff is shown."""
        return cls(
            country=tariff.country,
            delivery=list(tariff.delivery),
            free_from=list(tariff.free_from),
            tax_basis_points=tariff.tax_basis_points,
            tax_included=tariff.tax_included,
        )


class TariffList(BaseModel):
    """All tariffs, by country."""

    items: list[TariffView]


@router.get("/v1/tariffs")
async def list_tariffs(read: Read) -> TariffList:
    """List what delivery and tax cost."""
    return TariffList(items=[TariffView.of(each) for each in await read(tariffs.every)])


@router.put("/v1/tariffs/{country}", responses=responses(AccessDenied, of=ERRORS))
async def put_tariff(
    country: Country, body: PutTariff, caller: Authenticated, transact: Transact
) -> TariffView:
    """Say what delivery to a country and its tax cost from now on."""
    return TariffView.of(await transact(tariffs.put, body.tariff(country), caller))


@router.delete("/v1/tariffs/{country}", status_code=204, responses=responses(AccessDenied, of=ERRORS))
async def remove_tariff(country: Country, caller: Authenticated, transact: Transact) -> None:
    """Let a country cost what it costs elsewhere."""
    await transact(tariffs.remove, country, caller)
