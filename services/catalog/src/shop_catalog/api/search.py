"""Search over HTTP: results with facets, suggestions while somebody types, and what was chosen."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, Field

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.lists import OnSale
from shop_catalog.api.pages_found import Desk, place
from shop_catalog.api.plain_questions import Language, RatingFrom, Words
from shop_catalog.api.plain_searches import VISITOR, Keeping, Searches
from shop_catalog.api.product_views import ProductView
from shop_catalog.application.search import Suggestions
from shop_catalog.domain.errors import CurrencyNeeded, EmptySearch, NotAResult, SearchNotFound, SearchNotReady
from shop_catalog.domain.search import Match, Question
from shop_chassis.http import BadCursor, Body, Page
from shop_chassis.openapi import responses

router = APIRouter(tags=["search"])

_REFUSED = (EmptySearch, CurrencyNeeded, SearchNotReady)

VisitorId = Annotated[
    str | None,
    Header(
        alias="Visitor-Id",
        pattern=VISITOR,
        description="The visitor, from `GET /v1/session`, who agreed to be counted; else leave it out",
    ),
]


class PartView(BaseModel):
    """A piece of a text; ``matched`` says whether it was looked for."""

    text: str
    matched: bool


class ResultView(ProductView):
    """A product that was found, with title and the piece of its description where what was looked for is."""

    title_parts: list[PartView]
    excerpt_parts: list[PartView]


class BucketView(BaseModel):
    """How many results there would be under a value, all other filters kept."""

    value: str
    label: str
    count: int


class PricesView(BaseModel):
    """The lowest and the highest price, in minor units of the currency that was asked for."""

    lowest: int
    highest: int


class RatingCountView(BaseModel):
    """How many results buyers rate at least so much on average."""

    at_least: int
    count: int


class SearchFacetsView(BaseModel):
    """What results can be narrowed down to. ``prices`` is there if a currency was asked for."""

    categories: list[BucketView]
    attributes: dict[str, list[BucketView]]
    options: dict[str, list[BucketView]]
    in_stock: int
    prices: PricesView | None
    ratings: list[RatingCountView]


class ResultsView(BaseModel):
    """A page of results, the best first.

    ``match`` says whether all words were found, only some or similar ones, or nothing. ``total`` counts all
    pages; the first thousand results can be read.
    """

    search_id: str
    match: Match
    total: int
    items: list[ResultView]
    facets: SearchFacetsView
    next_cursor: str | None


class ProductSuggestionView(BaseModel):
    """A product that may be meant."""

    id: str
    title: str


class SuggestionsView(BaseModel):
    """How the text may go on, and products that are meant already."""

    texts: list[str]
    products: list[ProductSuggestionView]

    @classmethod
    def of(cls, suggestions: Suggestions) -> Self:
        """Return how suggestions are shown."""
        products = [
            ProductSuggestionView(id=each["_id"], title=each["title"]) for each in suggestions.documents
        ]
        return cls(texts=list(suggestions.texts), products=products)


class Choose(Body):
    """Which of the results was opened."""

    product_id: Annotated[str, Field(min_length=1, max_length=100)]


@router.get("/v1/search", response_model=ResultsView, responses=responses(BadCursor, *_REFUSED, of=ERRORS))
async def search_products(
    q: Words,
    page: Page,
    searches: Searches,
    filters: OnSale,
    *,
    keeping: Keeping,
    language: Language = "en",
    rating_from: RatingFrom = None,
    visitor_id: VisitorId = None,
) -> Response:
    """Find products by words, the most relevant and wanted first."""
    filters.assert_clear()
    filters = filters.without(rating=rating_from)
    question = Question(text=q, filters=filters, after=place(page), limit=page.limit, language=language)
    return Response(await searches.show(question, visitor_id, keeping), media_type="application/json")


@router.get(
    "/v1/search/suggestions",
    response_model=SuggestionsView,
    responses=responses(EmptySearch, SearchNotReady, of=ERRORS),
)
async def suggest(
    q: Annotated[str, Query(min_length=1, max_length=100, description="What was typed so far")],
    desk: Desk,
    keeping: Keeping,
    limit: Annotated[int, Query(ge=1, le=20)] = 8,
    language: Language = "en",
) -> Response:
    """Suggest how a question may go on, while it is being typed."""
    shown = SuggestionsView.of(await desk.suggest(q, limit, language)).model_dump_json().encode()
    keeping.keep(shown, len(shown))
    return Response(shown, media_type="application/json")


@router.post(
    "/v1/search/{search_id}/clicks",
    status_code=204,
    responses=responses(SearchNotFound, NotAResult, of=ERRORS),
)
async def choose_result(
    search_id: Annotated[str, Path(pattern=r"^sch_[0-9a-f]{32}$")], body: Choose, desk: Desk
) -> None:
    """Tell that a result was opened, within a day; again is harmless."""
    await desk.choose(search_id, body.product_id)
