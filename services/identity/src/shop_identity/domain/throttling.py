"""Throttling by leaky buckets: a full one refuses. What succeeds never counts, but for mails asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """A leaky bucket: ``capacity`` failures at once, and one more each ``leak``."""

    name: str
    capacity: int
    leak: timedelta

    def wait(self, level: float) -> timedelta:
        """Return how long a bucket filled to ``level`` refuses; zero when it does not."""
        return max(timedelta(0), (level - self.capacity + 1) * self.leak)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many failures are borne.

    Args:
        pair: of one account from one client address.
        account: of one account from all addresses that never logged in to it. Full, it is a slow lane: one
            attempt each ``leak`` for all of them together. Addresses known to the account do not use it, so
            that an attacker cannot keep its owner out.
        client: of one client address over all accounts; known pairs are not held up by it either.
        taken: registrations from one client address with an address that is taken.
        mails: codes sent to one e-mail address. A client that verified the address before has a bucket of its
            own, so that nobody else's asking keeps the owner out.
        asking: codes asked for by one client address.
        proofs: codes and links of guests, from one client address, that did not hold.
    """

    pair: Limit = Limit("pair", 10, timedelta(seconds=30))
    account: Limit = Limit("account", 50, timedelta(seconds=30))
    client: Limit = Limit("client", 100, timedelta(seconds=5))
    taken: Limit = Limit("taken", 20, timedelta(seconds=30))
    mails: Limit = Limit("mails", 5, timedelta(minutes=5))
    asking: Limit = Limit("asking", 60, timedelta(seconds=30))
    proofs: Limit = Limit("proofs", 100, timedelta(seconds=5))
