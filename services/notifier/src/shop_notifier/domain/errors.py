"""The errors of the domain.

::

    DomainError
    ├── NotificationNotFound   there is none with this id that the caller may see
    ├── BroadcastNotFound      there is none with this id
    ├── TooManyBroadcasts      as many as allowed are shown at once
    ├── KeyReused              the idempotency key came with another request before
    ├── TooManyStreams         the user has too many streams open
    ├── TooManyWatchers        this process has too many streams open
    ├── AccessDenied           the caller's roles do not allow this
    ├── UnknownLink            nobody here made this link
    ├── ForgedWebhook          the signature or its time does not hold: nobody knows who sent this
    └── CannotRender           there is no template for this, or it lacks something
"""

from __future__ import annotations

from shop_events.contracts import DomainError


class NotificationNotFound(DomainError):
    """No such notification, or it is somebody else's: the two look the same from outside."""


class BroadcastNotFound(DomainError):
    """There is no such broadcast."""


class TooManyBroadcasts(DomainError):
    """As many broadcasts as allowed are shown; one has to be withdrawn first."""


class KeyReused(DomainError):
    """The idempotency key came with another request before."""


class TooManyStreams(DomainError):
    """The user has too many streams open."""


class TooManyWatchers(DomainError):
    """This process has too many streams open."""


class AccessDenied(DomainError):
    """None of the caller's roles allows this."""


class UnknownLink(DomainError):
    """A link to unsubscribe was not made here."""


class ForgedWebhook(DomainError):
    """A webhook was not signed by the provider, or too long ago."""


class CannotRender(DomainError):
    """A notification cannot be put into words."""
