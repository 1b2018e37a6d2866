"""How long things last, and how often codes may be tried: tokens, families, keys, what guests are mailed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations that the rules are about.

    Args:
        access_life: life of an access token.
        clock_leeway: how long after its end a verifier may still accept a token.
        refresh_idle: a family not refreshed for this long is over.
        refresh_absolute: a family is over after this, however busy.
        reuse_interval: how long after a rotation the token before it is still taken for another tab.
        guest_absolute: the same for a guest's family.
        code_life: how long a guest's code may be shown.
        code_tries: how often one may be mistyped, the last time included.
        link_life: how long a guest's link leads to their orders.
        key_life: age at which a signing key gets a successor.
        key_lead: how long a successor has been on its topic before it signs.
    """

    access_life: timedelta = timedelta(minutes=5)
    clock_leeway: timedelta = timedelta(seconds=60)
    refresh_idle: timedelta = timedelta(days=14)
    refresh_absolute: timedelta = timedelta(days=90)
    reuse_interval: timedelta = timedelta(seconds=10)
    guest_absolute: timedelta = timedelta(hours=1)
    code_life: timedelta = timedelta(minutes=10)
    code_tries: int = 5
    link_life: timedelta = timedelta(days=90)
    key_life: timedelta = timedelta(days=30)
    key_lead: timedelta = timedelta(seconds=60)

    @property
    def longest_acceptance(self) -> timedelta:
        """Time after which nobody accepts an access token issued now."""
        return self.access_life + self.clock_leeway
