"""Where an order goes. Personal: kept in catalog alone, and in no event, log or metric."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A postal address; its fields do not show in `repr`, and so in no traceback.

    Args:
        name: to whom.
        lines: street and house, one to three lines.
        region: state, province or county, where it is part of an address.
        postal_code: None in countries that have none.
        country: ISO 3166-1 alpha-2.
    """

    name: str = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    city: str = field(repr=False)
    region: str | None = field(default=None, repr=False)
    postal_code: str | None = field(default=None, repr=False)
    country: str
