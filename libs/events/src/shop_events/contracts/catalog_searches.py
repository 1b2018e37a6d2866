"""What catalog tells of searches: what was looked for, what was shown, and what of it was chosen.

No personal data is in here, though people type all kinds of things into a search field: names, addresses, a
password meant for another one. Only words that the shop's own products are described with are told; the
others are counted in ``withheld``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shop_events.contracts.base import Currency, Event, Instant

SEARCHES = "catalog.searches.v1"


class SearchFilters(BaseModel):
    """What the results were narrowed down to; prices are in minor units of ``currency``.

    ``rating_from`` is the least that buyers think of each result on average, 1 to 5.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    category_id: str | None = None
    attributes: dict[str, tuple[str, ...]] = {}
    options: dict[str, tuple[str, ...]] = {}
    in_stock: bool = False
    price_from: int | None = None
    price_to: int | None = None
    currency: Currency | None = None
    rating_from: int | None = None


class ProductsSearched(Event, type="catalog.search.performed.v1", topic=SEARCHES, key="visitor_id"):
    """A page of results was shown. ``skipped`` is how many came on the pages before it.

    ``visitor_id`` is the visitor of those who agreed to be counted (``vst_…``); everybody else is somebody
    new with each search (``anon_…``). ``match`` says how: all words, only some or similar ones, or nothing.
    """

    visitor_id: str
    search_id: str
    query: str
    withheld: Annotated[int, Field(ge=0)] = 0
    match: Literal["all", "some", "none"]
    filters: SearchFilters = SearchFilters()
    skipped: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=0)]
    product_ids: tuple[str, ...]
    at: Instant


class SearchResultChosen(Event, type="catalog.search.clicked.v1", topic=SEARCHES, key="visitor_id"):
    """One of the results was opened: at most once for each search and product. The first is at 1."""

    visitor_id: str
    search_id: str
    product_id: str
    position: Annotated[int, Field(ge=1)]
    at: Instant
