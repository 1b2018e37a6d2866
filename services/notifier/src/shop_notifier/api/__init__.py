"""HTTP in: the site inbox, broadcasts, unsubscribing, providers' webhooks, what operators may look at."""

from shop_notifier.api import broadcasts, deliveries, inbox, stream, unsubscribe, webhooks
from shop_notifier.api.errors import ERRORS

ROUTERS = (
    stream.router,
    inbox.router,
    broadcasts.router,
    webhooks.router,
    deliveries.router,
    unsubscribe.router,
)

__all__ = ["ERRORS", "ROUTERS"]
