"""HTTP in: the site inbox, the providers' webhooks, and what operators may look at."""

from shop_notifier.api import deliveries, inbox, webhooks
from shop_notifier.api.errors import ERRORS

ROUTERS = (inbox.router, webhooks.router, deliveries.router)

__all__ = ["ERRORS", "ROUTERS"]
