"""How the errors of the domain are answered."""

from __future__ import annotations

from shop_chassis.problems import ErrorMap, Forbidden, NotFound
from shop_notifier.domain.errors import AccessDenied, ForgedWebhook, NotificationNotFound, UnknownLink

ERRORS: ErrorMap = {
    NotificationNotFound: NotFound,
    UnknownLink: NotFound,
    AccessDenied: Forbidden,
    ForgedWebhook: 403,
}
