"""What catalog tells of reviews: who rated what, and whether it counts. Never what was written."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shop_events.contracts.base import Event, Instant

REVIEWS = "catalog.reviews.v1"

Stars = Annotated[int, Field(ge=1, le=5)]


class ReviewSubmitted(Event, type="catalog.review.submitted.v1", topic=REVIEWS, key="product_id"):
    """A buyer wrote a review, or changed it: it waits for a moderator, and does not count until then.

    The sequence is the review's own: a product has many.
    """

    product_id: str
    review_id: str
    user_id: str
    rating: Stars
    recommends: bool
    at: Instant


class ReviewPublished(Event, type="catalog.review.published.v1", topic=REVIEWS, key="product_id"):
    """A review is shown, and its rating counts."""

    product_id: str
    review_id: str
    user_id: str
    rating: Stars
    recommends: bool
    at: Instant


class ReviewRejected(Event, type="catalog.review.rejected.v1", topic=REVIEWS, key="product_id"):
    """A review is not shown, or no longer, and its rating does not count."""

    product_id: str
    review_id: str
    user_id: str
    at: Instant


class ReviewWithdrawn(Event, type="catalog.review.withdrawn.v1", topic=REVIEWS, key="product_id"):
    """A review is gone for good."""

    product_id: str
    review_id: str
    user_id: str
    at: Instant
