"""What session tells: visits, carts, and what visitors look at and for how long.

Events of ``session.activity.v1`` belong to no version of anything: their sequence is 0. The same client event
sent again has the same ``ce_id`` (:func:`activity_event_id`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shop_events.contracts.base import Event, Instant
from shop_events.ids import derived_id

SESSIONS = "session.sessions.v1"
CARTS = "session.carts.v1"
ACTIVITY = "session.activity.v1"


def activity_event_id(visitor_id: str, client_event_id: str) -> str:
    """Return the id of a client's event: ids that clients choose count per visitor."""
    return derived_id("activity", visitor_id, client_event_id)


class SessionStarted(Event, type="session.visit.started.v1", topic=SESSIONS, key="visitor_id"):
    """Somebody came. The visitor id is not the session string, which stays in session."""

    visitor_id: str
    at: Instant


class SessionLinked(Event, type="session.visit.linked.v1", topic=SESSIONS, key="visitor_id"):
    """The visitor turned out to be a user."""

    visitor_id: str
    user_id: str
    at: Instant


class SessionEnded(Event, type="session.visit.ended.v1", topic=SESSIONS, key="visitor_id"):
    """The visit is over."""

    visitor_id: str
    reason: Literal["expired", "logged-out", "revoked"]
    at: Instant


class CartLine(BaseModel):
    """How many pieces of a product are in a cart; no ``variant_id`` means its only variant."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    product_id: str
    variant_id: str | None = None
    quantity: int


class CartChanged(Event, type="session.cart.changed.v1", topic=CARTS, key="visitor_id"):
    """The cart as it is now, whole: the user's if ``user_id`` is there, else the visitor's alone.

    A user's cart is shared by all visits of the user. ``visitor_id`` is the one that touched it last; the
    sequence is the cart's version, which grows whoever changes it and whichever visitor it is told of.
    """

    visitor_id: str
    user_id: str | None = None
    lines: tuple[CartLine, ...]
    at: Instant


class CartAbandoned(Event, type="session.cart.abandoned.v1", topic=CARTS, key="visitor_id"):
    """Nobody has come back to what is in the cart, and it was not ordered.

    Once per abandonment: next after another change. It is a conclusion and no change, so its sequence is the
    version of the cart it is about, that of the last ``CartChanged``; ``since`` is when that happened, or
    when the user last dealt with an order.
    """

    visitor_id: str
    user_id: str | None = None
    lines: tuple[CartLine, ...]
    since: Instant
    at: Instant


class PageViewed(Event, type="session.page.viewed.v1", topic=ACTIVITY, key="visitor_id"):
    """A page was opened. ``view_id`` is the client's, unique per visitor.

    ``personalise`` says whether the visitor wants to be addressed because of it (consent to marketing).
    """

    visitor_id: str
    user_id: str | None = None
    view_id: str
    page: str
    product_id: str | None = None
    personalise: bool = True
    at: Instant


class PageEngaged(Event, type="session.page.engaged.v1", topic=ACTIVITY, key="visitor_id"):
    """How long a page has been visible and used so far: the total of this view, which only grows."""

    visitor_id: str
    user_id: str | None = None
    view_id: str
    product_id: str | None = None
    milliseconds: Annotated[int, Field(ge=0, le=86_400_000)]
    at: Instant


class RecommendationShown(Event, type="session.recommendation.shown.v1", topic=ACTIVITY, key="visitor_id"):
    """Products were recommended on a page."""

    visitor_id: str
    user_id: str | None = None
    placement: str
    product_ids: tuple[str, ...]
    at: Instant


class RecommendationClicked(
    Event, type="session.recommendation.clicked.v1", topic=ACTIVITY, key="visitor_id"
):
    """One of them was chosen."""

    visitor_id: str
    user_id: str | None = None
    placement: str
    product_id: str
    at: Instant
