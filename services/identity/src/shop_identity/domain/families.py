"""Token families: one login and the refresh tokens that followed from it, each used once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shop_events.ids import new_id
from shop_identity.domain.errors import RefreshRefused, RefreshTokenReused
from shop_identity.domain.policy import Policy
from shop_identity.domain.users import User


@dataclass(slots=True)
class Family:
    """One login on one device.

    Args:
        id: ``fam_…``; the claim ``sid`` of its access tokens.
        user_id: whose it is.
        opened_epoch: the user's epoch at login.
        epoch: the highest epoch among its access tokens.
        generation: how often the refresh token was rotated; the newest tokens carry this number.
        rotated_at: when the first token of the newest generation was issued.
        expires_at: its end, however busy it is.
        idle_until: its end, if it is not refreshed before.
        revoked_at: when it was ended early.
        version: counts changes of the stored document.
    """

    id: str
    user_id: str
    opened_epoch: int
    epoch: int
    generation: int
    rotated_at: datetime
    expires_at: datetime
    idle_until: datetime
    revoked_at: datetime | None = None
    version: int = 0

    @classmethod
    def open(cls, user: User, policy: Policy, now: datetime, lasts: timedelta | None = None) -> Family:
        """Begin the family of a login, which is over after ``lasts`` if that is given."""
        expires_at = now + (lasts or policy.refresh_absolute)
        return cls(
            id=new_id("fam"),
            user_id=user.id,
            opened_epoch=user.epoch,
            epoch=user.epoch,
            generation=1,
            rotated_at=now,
            expires_at=expires_at,
            idle_until=min(now + policy.refresh_idle, expires_at),
        )

    def present(self, generation: int, user: User, policy: Policy, now: datetime) -> None:
        """Take a refresh token of ``generation``; afterwards a token of ``self.generation`` is due for it.

        A token of the newest generation begins the next one. One of the generation before it is taken for
        another tab of the same browser while the rotation is recent, and gets a sibling. Everything older is
        a copy in somebody else's hands (RFC 9700, section 4.14.2).

        Raises:
            RefreshRefused: the family is over.
            RefreshTokenReused: the family has to be revoked.
        """
        if not self.is_alive(user, now):
            raise RefreshRefused
        if generation == self.generation:
            self.generation += 1
            self.rotated_at = now
        elif generation != self.generation - 1 or now - self.rotated_at > policy.reuse_interval:
            raise RefreshTokenReused
        self.epoch = user.epoch
        self.idle_until = min(now + policy.refresh_idle, self.expires_at)

    def is_alive(self, user: User, now: datetime) -> bool:
        """Say whether its newest token would be accepted."""
        ended = self.revoked_at is not None or now >= self.expires_at or now >= self.idle_until
        return not ended and user.may_log_in and self.opened_epoch >= user.families_from

    def revoke(self, now: datetime) -> bool:
        """End the family; False when it had been ended before."""
        if self.revoked_at is not None:
            return False
        self.revoked_at = now
        return True
