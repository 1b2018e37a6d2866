"""Ids of notifications, made from what they are for."""

from __future__ import annotations

from shop_events.ids import derived_id


def notification_id(*cause: str) -> str:
    """Return the id of the notification that has this cause: the same cause never makes a second one."""
    return f"ntf_{derived_id(*cause).replace('-', '')}"
