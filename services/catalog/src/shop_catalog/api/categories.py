"""The category tree over HTTP: anybody may read, merchants write."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.product_bodies import CategoryId, CategoryName, Language
from shop_catalog.api.product_views import CategoryStepView
from shop_catalog.api.requests import Id
from shop_catalog.application import categories
from shop_catalog.application.categories import CategoryDetails
from shop_catalog.domain.categories import Category
from shop_catalog.domain.descriptions import MOST_LANGUAGES
from shop_catalog.domain.errors import (
    AccessDenied,
    CategoryInUse,
    CategoryNotFound,
    CategoryTaken,
    InvalidCategoryTree,
    UnknownCategory,
    VersionConflict,
)
from shop_chassis.auth import Authenticated
from shop_chassis.http import (
    BadCursor,
    BadEntityTag,
    Body,
    IfMatch,
    Listing,
    Page,
    Read,
    Transact,
    encode_cursor,
    etag,
)
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired

router = APIRouter(tags=["categories"])

Names = Annotated[dict[Language, CategoryName], Field(max_length=MOST_LANGUAGES)]
_MISPLACED = (AccessDenied, CategoryTaken, UnknownCategory, InvalidCategoryTree)
_CHANGING = (CategoryNotFound, VersionConflict, BadEntityTag, PreconditionRequired)


class CreateCategory(Body):
    """A category to be; without ``parent_id`` it is a root."""

    name: CategoryName
    parent_id: CategoryId | None = None
    translations: Names = {}

    def details(self) -> CategoryDetails:
        """Return the category as the domain has it."""
        return CategoryDetails(self.name, self.parent_id, self.translations)


def _unsaid() -> Any:
    """Stand in for a field that was not sent; it is never read."""
    return None


class ChangeCategory(Body):
    """What is to be different; what is not sent stays. ``parent_id`` null makes it a root."""

    name: CategoryName = Field(default_factory=_unsaid)
    parent_id: CategoryId | None = None
    translations: Names = Field(default_factory=_unsaid)

    def changes(self) -> dict[str, Any]:
        """Return what was sent, by name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class CategoryView(BaseModel):
    """A category; ``path`` leads from the root to it."""

    id: str
    name: str
    parent_id: str | None
    path: list[CategoryStepView]
    translations: dict[str, str]

    @classmethod
    def of(cls, category: Category) -> Self:
        """Return how a category is shown."""
        return cls(
            id=category.id,
            name=category.name,
            parent_id=category.parent_id,
            path=[CategoryStepView(**step._asdict()) for step in category.place.path],
            translations=dict(category.translations),
        )


@router.post("/v1/categories", status_code=201, responses=responses(*_MISPLACED, of=ERRORS))
async def create_category(
    body: CreateCategory, caller: Authenticated, transact: Transact, response: Response
) -> CategoryView:
    """Make a category; names are unique in their place, so a repeated request makes no second one."""
    category = await transact(categories.create, body.details(), caller)
    response.headers["Location"] = f"/v1/categories/{category.id}"
    return _answer(category, response)


@router.get("/v1/categories", responses=responses(BadCursor))
async def list_categories(
    page: Page,
    read: Read,
    parent_id: Annotated[
        str | None, Query(max_length=100, description="Its children; else the roots")
    ] = None,
) -> Listing[CategoryView]:
    """List the roots of the tree, or the children of a category, by name."""
    found = await read(categories.page, parent_id, page.limit + 1, page.after(str, str))
    shown = found[: page.limit]
    more = len(found) > page.limit
    return Listing(
        items=[CategoryView.of(category) for category in shown],
        next_cursor=encode_cursor(shown[-1].key, shown[-1].id) if more else None,
    )


@router.get("/v1/categories/{id}", responses=responses(CategoryNotFound, of=ERRORS))
async def show_category(id: Id, read: Read, response: Response) -> CategoryView:
    """Show a category; its ETag is what a change must name."""
    return _answer(await read(categories.show, id), response)


@router.patch("/v1/categories/{id}", responses=responses(*_MISPLACED, *_CHANGING, of=ERRORS))
async def change_category(
    id: Id,
    body: ChangeCategory,
    caller: Authenticated,
    version: IfMatch,
    transact: Transact,
    *,
    response: Response,
) -> CategoryView:
    """Rename or move a category with all that is below it; its products follow a moment later."""
    return _answer(await transact(categories.change, id, body.changes(), version, caller), response)


@router.delete(
    "/v1/categories/{id}",
    status_code=204,
    responses=responses(AccessDenied, CategoryInUse, *_CHANGING, of=ERRORS),
)
async def delete_category(id: Id, caller: Authenticated, version: IfMatch, transact: Transact) -> None:
    """Remove a category that nothing is in."""
    await transact(categories.delete, id, version, caller)


def _answer(category: Category, response: Response) -> CategoryView:
    response.headers["ETag"] = etag(category.version)
    return CategoryView.of(category)
