"""Time in: the end of sessions."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from shop_chassis.jobs import Job
from shop_session.application import sessions
from shop_session.store.unit_of_work import Transact


def jobs_of(transact: Transact, expiry_checks: timedelta) -> list[Job]:
    """Return what session does every so often."""
    return [Job("expire-sessions", expiry_checks, partial(transact, sessions.expire))]
