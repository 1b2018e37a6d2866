"""Reviews over HTTP: buyers write, moderators decide, anybody reads what is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, model_validator

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.requests import Asked, Id
from shop_catalog.application import reviews
from shop_catalog.domain.errors import (
    AccessDenied,
    AlreadyReviewed,
    KeyReused,
    NotBought,
    ProductNotFound,
    ReviewNotFound,
    VersionConflict,
)
from shop_catalog.domain.reviews import (
    LONGEST_REASON,
    LONGEST_TEXT,
    LONGEST_TITLE,
    Opinion,
    Review,
    ReviewStatus,
)
from shop_chassis.auth import Authenticated, MaybeCaller
from shop_chassis.http import (
    ONE_LINE,
    SEVERAL_LINES,
    BadCursor,
    BadEntityTag,
    BadIdempotencyKey,
    Body,
    IfMatch,
    Listing,
    Page,
    PageRequest,
    Read,
    Transact,
    encode_cursor,
    etag,
)
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired

router = APIRouter(tags=["reviews"])

MOST_VOTES = 2**53
_CHANGING = (ReviewNotFound, VersionConflict, BadEntityTag, PreconditionRequired)


class WriteReview(Body):
    """What a buyer thinks of a product."""

    rating: Annotated[int, Field(ge=1, le=5, description="Stars, the more the better")]
    recommends: bool
    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE, pattern=ONE_LINE)]
    text: Annotated[str, Field(max_length=LONGEST_TEXT, pattern=SEVERAL_LINES)] = ""

    def opinion(self) -> Opinion:
        """Return it as the domain has it."""
        return Opinion(self.rating, self.recommends, self.title, self.text)


class DecideReview(Body):
    """What a moderator decides; a rejection has a reason, which the author is shown."""

    status: Literal["published", "rejected"]
    reason: Annotated[str | None, Field(min_length=1, max_length=LONGEST_REASON, pattern=SEVERAL_LINES)] = (
        None
    )

    @model_validator(mode="after")
    def _has_a_reason(self) -> Self:
        if (self.status == "rejected") != (self.reason is not None):
            raise ValueError("A rejection needs a reason, a publication has none.")
        return self


class ReviewView(BaseModel):
    """A review. ``status`` and ``reason`` tell its author what became of it; ``helpful`` are votes."""

    id: str
    product_id: str
    author: Literal["a buyer"] = "a buyer"
    rating: int
    recommends: bool
    title: str
    text: str
    helpful: int
    written_at: datetime
    edited_at: datetime | None
    status: ReviewStatus
    reason: str | None

    @classmethod
    def of(cls, review: Review) -> Self:
        """Return how a review is shown."""
        opinion = review.opinion
        return cls(
            id=review.id,
            product_id=review.product_id,
            rating=opinion.rating,
            recommends=opinion.recommends,
            title=opinion.title,
            text=opinion.text,
            helpful=review.helpful,
            written_at=review.written_at,
            edited_at=review.edited_at,
            status=review.status,
            reason=review.reason,
        )


@router.post(
    "/v1/products/{id}/reviews",
    status_code=201,
    responses=responses(ProductNotFound, NotBought, AlreadyReviewed, BadIdempotencyKey, KeyReused, of=ERRORS),
)
async def write_review(
    id: Id, body: WriteReview, caller: Authenticated, asked: Asked, transact: Transact, *, response: Response
) -> ReviewView:
    """Review a product that was bought and paid; it is shown once a moderator has looked at it."""
    review = await transact(reviews.write, id, body.opinion(), caller, asked(body))
    response.headers["Location"] = f"/v1/reviews/{review.id}"
    return _answer(review, response)


@router.get("/v1/products/{id}/reviews", responses=responses(BadCursor, ProductNotFound, of=ERRORS))
async def list_reviews(
    id: Id, page: Page, read: Read, sort: Literal["newest", "helpful"] = "newest"
) -> Listing[ReviewView]:
    """List what buyers say of a product: the newest first, or what most found helpful."""
    if sort == "helpful":
        by_votes = await read(reviews.most_helpful, id, page.limit + 1, _votes(page))
        return _listed(by_votes, page, lambda last: encode_cursor(last.helpful, last.id))
    (before,) = page.after(str) or (None,)
    return _listed(await read(reviews.newest, id, page.limit + 1, before), page, _by_id)


@router.get("/v1/products/{id}/reviews/mine", responses=responses(ReviewNotFound, of=ERRORS))
async def show_own_review(id: Id, caller: Authenticated, read: Read, response: Response) -> ReviewView:
    """Show the caller's own review of a product."""
    return _answer(await read(reviews.own, id, caller), response)


@router.get("/v1/reviews", responses=responses(BadCursor, AccessDenied, of=ERRORS))
async def list_all_reviews(
    caller: Authenticated,
    page: Page,
    read: Read,
    status: Annotated[ReviewStatus, Query(description="In which state")] = ReviewStatus.PENDING,
) -> Listing[ReviewView]:
    """List reviews of all products for moderators, the oldest first."""
    (after,) = page.after(str) or (None,)
    return _listed(await read(reviews.queue, status, page.limit + 1, after, caller), page, _by_id)


@router.get("/v1/reviews/{id}", responses=responses(ReviewNotFound, of=ERRORS))
async def show_review(id: Id, caller: MaybeCaller, read: Read, response: Response) -> ReviewView:
    """Show a review; its ETag is what a change must name."""
    return _answer(await read(reviews.show, id, caller), response)


@router.put("/v1/reviews/{id}", responses=responses(*_CHANGING, of=ERRORS))
async def edit_review(
    id: Id,
    body: WriteReview,
    caller: Authenticated,
    version: IfMatch,
    transact: Transact,
    *,
    response: Response,
) -> ReviewView:
    """Say something else; what is new is shown once a moderator has looked at it."""
    return _answer(await transact(reviews.edit, id, body.opinion(), version, caller), response)


@router.delete("/v1/reviews/{id}", status_code=204, responses=responses(*_CHANGING, of=ERRORS))
async def withdraw_review(id: Id, caller: Authenticated, version: IfMatch, transact: Transact) -> None:
    """Take a review back for good."""
    await transact(reviews.withdraw, id, version, caller)


@router.put("/v1/reviews/{id}/status", responses=responses(AccessDenied, *_CHANGING, of=ERRORS))
async def decide_review(
    id: Id,
    body: DecideReview,
    caller: Authenticated,
    version: IfMatch,
    transact: Transact,
    *,
    response: Response,
) -> ReviewView:
    """Publish a review or reject it, as it was when the moderator read it."""
    return _answer(await transact(reviews.decide, id, body.reason, version, caller), response)


@router.put("/v1/reviews/{id}/helpful", responses=responses(AccessDenied, ReviewNotFound, of=ERRORS))
async def find_review_helpful(id: Id, caller: Authenticated, transact: Transact) -> ReviewView:
    """Say that somebody else's review helped; once for each customer, however often it is said."""
    return ReviewView.of(await transact(reviews.find_helpful, id, caller))


@router.delete("/v1/reviews/{id}/helpful", status_code=204)
async def take_vote_back(id: Id, caller: Authenticated, transact: Transact) -> None:
    """Take back that a review helped."""
    await transact(reviews.take_vote_back, id, caller)


def _votes(page: PageRequest) -> tuple[int, str] | None:
    """Return votes and id of the last review shown."""
    after = page.after(int, str)
    if after is not None and not -MOST_VOTES <= after[0] <= MOST_VOTES:
        raise BadCursor
    return after


def _listed(
    found: Sequence[Review], page: PageRequest, place: Callable[[Review], str]
) -> Listing[ReviewView]:
    shown = found[: page.limit]
    return Listing(
        items=[ReviewView.of(review) for review in shown],
        next_cursor=place(shown[-1]) if len(found) > page.limit else None,
    )


def _by_id(last: Review) -> str:
    return encode_cursor(last.id)


def _answer(review: Review, response: Response) -> ReviewView:
    response.headers["ETag"] = etag(review.version)
    return ReviewView.of(review)
