"""Events in: what analytics concludes about products, which cards customers have saved, and who has left."""

from __future__ import annotations

from shop_catalog.application import cards, erasures, products
from shop_catalog.domain.products import Rating
from shop_catalog.store.cards import CARDS
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.contracts.analytics import ScoreChanged, ScoreDropped
from shop_events.contracts.identity import PaymentMethodsChanged, PaymentMethodsDeleted, UserErased
from shop_events.handlers import on


@on(ScoreChanged, projection="scores")
async def score_changed(uow: CatalogUnitOfWork, event: ScoreChanged) -> None:
    """Rank the product by it."""
    await products.rate(uow, event.product_id, Rating(event.popularity, event.trend, event.rank))


@on(ScoreDropped, projection="scores")
async def score_dropped(uow: CatalogUnitOfWork, event: ScoreDropped) -> None:
    """Rank the product among those that nobody asks for."""
    await products.rate(uow, event.product_id, Rating())


@on(PaymentMethodsChanged, projection=CARDS)
async def cards_changed(uow: CatalogUnitOfWork, event: PaymentMethodsChanged) -> None:
    """Remember a customer's saved cards."""
    await cards.keep(uow, event)


@on(PaymentMethodsDeleted, projection=CARDS)
async def cards_deleted(uow: CatalogUnitOfWork, event: PaymentMethodsDeleted) -> None:
    """Forget a customer's saved cards."""
    await cards.forget(uow, event.user_id)


@on(UserErased, effect="erase:{user_id}")
async def user_erased(uow: CatalogUnitOfWork, event: UserErased) -> None:
    """Begin to forget somebody who has left."""
    await erasures.begin(uow, event.user_id)
