"""Events of analytics."""

from __future__ import annotations

from shop_events.contracts.analytics import AlertRaised, AlertResolved, AlertWorsened
from shop_events.handlers import on
from shop_notifier.application import alerts
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
