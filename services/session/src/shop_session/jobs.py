"""Time in: the end of sessions, and carts that nobody comes back to."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from shop_chassis.jobs import Job
from shop_session.application import carts, sessions
from shop_session.store.unit_of_work import Transact


def jobs_of(
    transact: Transact, *, expiry_checks: timedelta, cart_checks: timedelta, cart_patience: timedelta
) -> list[Job]:
    """Return what session does every so often."""
    return [
        Job("expire-sessions", expiry_checks, partial(transact, sessions.expire)),
        Job("abandon-carts", cart_checks, partial(transact, carts.abandon, cart_patience)),
    ]
