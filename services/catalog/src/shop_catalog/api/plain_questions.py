"""What a search is asked, read from a plain query without FastAPI. The route tells of all others."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Query
from pydantic import BaseModel, ConfigDict, ValidationError

from shop_catalog.api.lists import Amount, Chosen, filters_of
from shop_catalog.api.requests import LONGEST_ID, CurrencyCode
from shop_catalog.domain.lists import PriceRange
from shop_catalog.domain.search import Question

Words = Annotated[str, Query(min_length=1, max_length=200, description="Words to search for")]
Language = Annotated[
    str,
    Query(pattern=r"^[a-zA-Z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$", description="Language of the words"),
]
RatingFrom = Annotated[
    int | None, Query(ge=1, le=5, description="Only what buyers rate at least so much on average")
]

_OF_MANY = frozenset({"attribute", "option"})


class _Plain(BaseModel):
    """The first page of a search; the same bounds as the route has."""

    model_config = ConfigDict(extra="forbid")

    q: Words
    limit: Annotated[int, Query(ge=1, le=100)] = 20
    language: Language = "en"
    category_id: Annotated[str | None, Query(max_length=LONGEST_ID)] = None
    attribute: Chosen = []
    option: Chosen = []
    currency: CurrencyCode | None = None
    price_from: Amount = None
    price_to: Amount = None
    in_stock: bool = False
    rating_from: RatingFrom = None


def question_of(query: bytes) -> Question | None:
    """Return what is asked, None where the route has to tell.

    Raises:
        Unprocessable: a choice is not ``name:value``.
        CurrencyNeeded: prices are to be compared, and no currency is named.
    """
    said: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in _OF_MANY:
            said.setdefault(name, []).append(value)  # type: ignore[union-attr]
        elif name in said:
            return None
        else:
            said[name] = value
    try:
        plain = _Plain.model_validate(said)
    except ValidationError:
        return None
    filters = filters_of(
        category_id=plain.category_id,
        attribute=plain.attribute,
        option=plain.option,
        currency=plain.currency,
        price=PriceRange(plain.price_from, plain.price_to),
        in_stock=plain.in_stock,
    )
    filters.assert_clear()
    filters = filters.without(rating=plain.rating_from)
    return Question(text=plain.q, filters=filters, limit=plain.limit, language=plain.language)
