"""What analytics concludes: scores of products, suggestions to users, alerts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from shop_events.contracts.base import Event, Instant

SCORES = "analytics.scores.v1"
SUGGESTIONS = "analytics.suggestions.v1"
ALERTS = "analytics.alerts.v1"


class ScoreChanged(Event, type="analytics.score.changed.v1", topic=SCORES, key="product_id"):
    """How much a product was wanted at a moment; it fades from then on.

    ``rank`` compares products whenever they were told of: one more is twice as popular. ``trend`` above 1
    says that the product is wanted more lately than before.
    """

    product_id: str
    popularity: float
    trend: float
    rank: float
    at: Instant


class ScoreDropped(Event, type="analytics.score.dropped.v1", topic=SCORES, key="product_id", tombstone=True):
    """The product has no score any more."""

    product_id: str


class SuggestedProduct(BaseModel):
    """One suggested product and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    product_id: str
    because: Literal["bought-together", "also-viewed", "next-in-session", "buy-again", "popular"]
    of_product_id: str | None = None


class ProductsSuggested(Event, type="analytics.suggestion.made.v1", topic=SUGGESTIONS, key="user_id"):
    """Products that may interest a user, after a purchase or after repeated views without one."""

    suggestion_id: str
    user_id: str
    occasion: Literal["purchase", "views"]
    about_product_id: str
    products: tuple[SuggestedProduct, ...]
    at: Instant


Rule = Literal["login-failures", "card-declines", "scraping", "low-memory"]


class AlertRaised(Event, type="analytics.alert.raised.v1", topic=ALERTS, key="fingerprint"):
    """A threshold was crossed. One per crossing; the fingerprint is that of rule and subject."""

    fingerprint: str
    rule: Rule
    severity: Literal["warning", "critical"]
    subject: str
    summary: str
    value: float
    at: Instant


class AlertWorsened(Event, type="analytics.alert.worsened.v1", topic=ALERTS, key="fingerprint"):
    """What was a warning became critical. At most once per crossing, which began at ``raised_at``."""

    fingerprint: str
    rule: Rule
    severity: Literal["critical"]
    subject: str
    summary: str
    value: float
    raised_at: Instant
    at: Instant


class AlertResolved(Event, type="analytics.alert.resolved.v1", topic=ALERTS, key="fingerprint"):
    """What the alert that was raised at ``raised_at`` was about is over."""

    fingerprint: str
    rule: Rule
    subject: str
    raised_at: Instant
    at: Instant
