"""What a client can tell about activity: one form per kind of event, each read on its own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from shop_chassis.http import Body, FromText
from shop_events.contracts.session import (
    PageEngaged,
    PageViewed,
    RecommendationClicked,
    RecommendationShown,
)
from shop_session.domain.activity import Fields, Outcome, Report, Result, Visitor

_ID = r"^[A-Za-z0-9._:-]{1,100}$"
ClientId = Annotated[str, Field(pattern=_ID)]
ProductId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Placement = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,49}$")]


class _Told(Body):
    """An event of the client. ``id`` is its own, unique per visitor; ``at`` is its clock."""

    id: ClientId
    at: Annotated[AwareDatetime, FromText]


class ViewedPage(_Told):
    """A page was opened. Of ``page`` only the path is kept, for a query can hold anything."""

    contract: ClassVar = PageViewed
    type: Literal["page_viewed"]
    view_id: ClientId
    page: Annotated[str, Field(min_length=1, max_length=500)]
    product_id: ProductId | None = None

    def fields(self, visitor: Visitor, at: datetime) -> Fields:
        """Return what others may know of it."""
        return {
            "visitor_id": visitor.visitor_id,
            "user_id": visitor.user_id,
            "view_id": self.view_id,
            "page": self.page.partition("?")[0].partition("#")[0],
            "product_id": self.product_id,
            "personalise": visitor.personalise,
            "at": at,
        }


class EngagedPage(_Told):
    """How long the view of a page has been visible and used so far."""

    contract: ClassVar = PageEngaged
    type: Literal["page_engaged"]
    view_id: ClientId
    milliseconds: Annotated[int, Field(ge=0, le=86_400_000)]
    product_id: ProductId | None = None

    def fields(self, visitor: Visitor, at: datetime) -> Fields:
        """Return what others may know of it."""
        return {
            "visitor_id": visitor.visitor_id,
            "user_id": visitor.user_id,
            "view_id": self.view_id,
            "product_id": self.product_id,
            "milliseconds": self.milliseconds,
            "at": at,
        }


class ShownRecommendation(_Told):
    """Products were recommended."""

    contract: ClassVar = RecommendationShown
    type: Literal["recommendation_shown"]
    placement: Placement
    product_ids: Annotated[list[ProductId], Field(min_length=1, max_length=50)]

    def fields(self, visitor: Visitor, at: datetime) -> Fields:
        """Return what others may know of it."""
        return {
            "visitor_id": visitor.visitor_id,
            "user_id": visitor.user_id,
            "placement": self.placement,
            "product_ids": self.product_ids,
            "at": at,
        }


class ClickedRecommendation(_Told):
    """One of the recommended products was chosen."""

    contract: ClassVar = RecommendationClicked
    type: Literal["recommendation_clicked"]
    placement: Placement
    product_id: ProductId

    def fields(self, visitor: Visitor, at: datetime) -> Fields:
        """Return what others may know of it."""
        return {
            "visitor_id": visitor.visitor_id,
            "user_id": visitor.user_id,
            "placement": self.placement,
            "product_id": self.product_id,
            "at": at,
        }


_Any = Annotated[
    ViewedPage | EngagedPage | ShownRecommendation | ClickedRecommendation, Field(discriminator="type")
]
_ANY: TypeAdapter[Report] = TypeAdapter(_Any)
_ALL: TypeAdapter[list[Any]] = TypeAdapter(list[_Any])


def read_reports(told: list[Any]) -> list[Report | Result]:
    """Return the events in ``told``, each as :func:`read_report` does: at once where none is wrong."""
    try:
        return list(_ALL.validate_python(told))
    except ValidationError:
        return [read_report(event) for event in told]


def read_report(told: Any) -> Report | Result:
    """Return the event in ``told``, or that it is rejected and which of its fields is wrong."""
    try:
        return _ANY.validate_python(told)
    except ValidationError as error:
        return Result(_readable_id(told), Outcome.REJECTED, _reason(error))


def _readable_id(told: Any) -> str | None:
    id = told.get("id") if isinstance(told, dict) else None
    return id if isinstance(id, str) and len(id) <= 100 else None


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"][1:])[:100]
    return f"{field or 'event'}: {first['type']}"
