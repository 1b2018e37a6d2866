"""The services that are installed here and say which events they read: found by their entry points.

A service's package names its composition root in the group ``shop_events.services``::

    [project.entry-points."shop_events.services"]
    catalog = "shop_catalog.main:SERVICE"
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from shop_events.contracts.base import Event
from shop_events.handlers import Subscriptions
from shop_events.topics import SERVICES

GROUP = "shop_events.services"


class Declared(Protocol):
    """What a service says of itself."""

    @property
    def subscriptions(self) -> Subscriptions:
        """Its consumer group's handlers."""

    @property
    def reads(self) -> AbstractSet[type[Event]]:
        """All events it reads, by subscription or in other ways."""


def entry_point(service: str) -> EntryPoint:
    """Return where an installed service is composed. Raises LookupError when it is not installed."""
    for found in entry_points(group=GROUP, name=service):
        return found
    raise LookupError(f"the service {service} is not installed here (no entry point in {GROUP})")


def declared() -> dict[str, Declared]:
    """Return all services of the registry by name. Raises LookupError when one is not installed."""
    return {name: cast(Declared, entry_point(name).load()) for name in SERVICES}
