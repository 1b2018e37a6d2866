"""The errors of the backbone.

::

    EventError
    ├── MalformedEvent     the record is no event of ours: dead letter at once
    └── NotYet             a reference has not arrived: park with a deadline

A handler may raise anything else too: the event is parked, tried again, and given up on in the end.
"""

from __future__ import annotations


class EventError(Exception):
    """Base of what the backbone and its handlers say about an event."""


class MalformedEvent(EventError):
    """The record cannot be decoded. The message names fields, never their values."""


class NotYet(EventError):
    """Something this event refers to has not arrived yet, for instance the user of an order."""
