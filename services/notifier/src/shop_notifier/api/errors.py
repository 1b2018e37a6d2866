"""How the errors of the domain are answered."""

from __future__ import annotations

from shop_chassis.problems import ErrorMap, Forbidden, NotFound, TooManyRequests, Unavailable
from shop_notifier.domain import errors

ERRORS: ErrorMap = {
    errors.NotificationNotFound: NotFound,
    errors.BroadcastNotFound: NotFound,
    errors.UnknownLink: NotFound,
    errors.AccessDenied: Forbidden,
    errors.ForgedWebhook: 403,
    errors.TooManyBroadcasts: 409,
    errors.KeyReused: 422,
    errors.TooManyStreams: TooManyRequests,
    errors.TooManyWatchers: Unavailable,
}
