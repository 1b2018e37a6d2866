"""Time in: the life of signing keys, the end of revocations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shop_chassis.jobs import Job
from shop_events.unit_of_work import Transactor
from shop_identity.application import keys, revocations
from shop_identity.application.ports import KeySmith
from shop_identity.store.unit_of_work import IdentityUnitOfWork


def jobs_of(transact: Transactor[IdentityUnitOfWork], smith: KeySmith) -> Sequence[Job]:
    """Return what identity does every so often."""
    return [
        Job("signing-keys", timedelta(seconds=2), lambda: transact(keys.tend, smith)),
        Job("revocation-expiry", timedelta(seconds=30), lambda: transact(revocations.expire)),
    ]
