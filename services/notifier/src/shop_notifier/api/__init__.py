"""HTTP in: the site inbox, unsubscribing, the providers' webhooks, and what operators may look at."""

from shop_notifier.api import deliveries, inbox, unsubscribe, webhooks
from shop_notifier.api.errors import ERRORS

ROUTERS = (inbox.router, webhooks.router, deliveries.router, unsubscribe.router)

__all__ = ["ERRORS", "ROUTERS"]
