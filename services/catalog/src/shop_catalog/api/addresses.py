"""Postal addresses over HTTP; where they are shown is decided by who may see their order."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from shop_catalog.domain.addresses import Address
from shop_chassis.http import ONE_LINE, Body

Line = Annotated[str, Field(min_length=1, max_length=120, pattern=ONE_LINE)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]


class PostalAddress(Body):
    """Where something goes, and to whom."""

    name: Line
    lines: Annotated[list[Line], Field(min_length=1, max_length=3, description="Street and house")]
    city: Line
    region: Annotated[Line | None, Field(description="State, province or county, where it is needed")] = None
    postal_code: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{0,11}$")] = None
    country: Country

    def address(self) -> Address:
        """Return it as the domain has it."""
        return Address(**{**dict(self), "lines": tuple(self.lines)})

    @classmethod
    def of(cls, address: Address) -> Self:
        """Return how an address is shown."""
        shown = {name: getattr(address, name) for name in cls.model_fields}
        return cls(**{**shown, "lines": list(address.lines)})
