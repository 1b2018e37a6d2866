"""Events of analytics."""

from __future__ import annotations

from shop_events.contracts.analytics import AlertRaised, AlertResolved, AlertWorsened, ProductsSuggested
from shop_events.handlers import on
from shop_notifier.application import alerts, suggestions
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@on(AlertRaised, effect="alert-raised:{fingerprint}:{at}")
async def alert_raised(uow: NotifierUnitOfWork, event: AlertRaised) -> None:
    """Warn the administrators."""
    await alerts.warn(uow, event)


@on(AlertWorsened, effect="alert-worsened:{fingerprint}:{raised_at}")
async def alert_worsened(uow: NotifierUnitOfWork, event: AlertWorsened) -> None:
    """Warn the administrators once more: a warning became critical."""
    await alerts.warn(uow, event)


@on(AlertResolved, effect="alert-resolved:{fingerprint}:{raised_at}")
async def alert_resolved(uow: NotifierUnitOfWork, event: AlertResolved) -> None:
    """Tell the administrators that it is over."""
    await alerts.resolve(uow, event)


@on(ProductsSuggested, effect="suggestion:{suggestion_id}")
async def products_suggested(uow: NotifierUnitOfWork, event: ProductsSuggested) -> None:
    """Mail the suggestion to those who agreed."""
    await suggestions.queue(uow, event)
