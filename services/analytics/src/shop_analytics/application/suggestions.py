"""Suggestions: after a purchase, and after repeated views without one."""

from __future__ import annotations

from datetime import datetime

from shop_analytics.application.recommendations import related, sellable
from shop_analytics.domain.recommendations import Candidate, chosen
from shop_analytics.domain.suggestions import MOST_PRODUCTS, Opportunity
from shop_analytics.store.suggestions import Outcome
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.contracts import Fact
from shop_events.contracts.analytics import ProductsSuggested, SuggestedProduct

BATCH = 50


async def due(uow: AnalyticsUnitOfWork) -> list[Opportunity]:
    """Return opportunities whose time has come."""
    return await uow.suggestions.due(uow.now, BATCH)


async def take(uow: AnalyticsUnitOfWork, opportunity: Opportunity) -> Outcome:
    """Suggest products to a user, if the occasion still stands and there are any; say what became of it."""
    products: list[Candidate] = []
    if opportunity.is_too_late(uow.now):
        outcome: Outcome = "late"
    elif await _has_bought(uow, opportunity):
        outcome = "bought"
    else:
        products = await _products(uow, opportunity)
        outcome = "made" if products else "nothing"
    if await uow.suggestions.close(opportunity, outcome, uow.now) and products:
        version = await uow.suggestion_versions.next(opportunity.user_id)
        uow.publish([Fact(_event(opportunity, products, uow.now), version)], opportunity.id)
    return outcome


async def _has_bought(uow: AnalyticsUnitOfWork, opportunity: Opportunity) -> bool:
    """Say whether what was viewed again and again was bought after all."""
    if opportunity.since is None:
        return False
    bought_at = await uow.purchases.last_at(opportunity.user_id, opportunity.about)
    return bought_at is not None and bought_at >= opportunity.since


async def _products(uow: AnalyticsUnitOfWork, opportunity: Opportunity) -> list[Candidate]:
    about = opportunity.bought or (opportunity.about,)
    candidates = await related(uow, about)
    cards = await sellable(uow, {candidate.product_id for candidate in candidates})
    return chosen(candidates, cards, about, MOST_PRODUCTS)


def _event(opportunity: Opportunity, products: list[Candidate], now: datetime) -> ProductsSuggested:
    return ProductsSuggested(
        suggestion_id=opportunity.id,
        user_id=opportunity.user_id,
        occasion=opportunity.occasion,
        about_product_id=opportunity.about,
        products=tuple(
            SuggestedProduct(product_id=each.product_id, because=each.because, of_product_id=each.of)
            for each in products
        ),
        at=now,
    )
