"""What guests show instead of a password: a code from a mail, later a link from one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from shop_events.ids import new_id
from shop_identity.domain.addresses import EmailAddress
from shop_identity.domain.policy import Policy
from shop_identity.domain.users import Profile, User

CODE_DIGITS = 8


def new_code() -> str:
    """Return a code that people can type: :data:`CODE_DIGITS` digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


@dataclass(frozen=True, slots=True)
class Verification:
    """An address that somebody says is theirs, until they show the code that was mailed there.

    Args:
        id: ``ver_…``; known to whoever asked, who needs the code besides.
        user_id: whom they will be: the guest with this address, or a new one.
        code_hash: keyed hash of the code.
        tries_left: how often a code may still be shown.
    """

    id: str
    user_id: str
    email: EmailAddress = field(repr=False)
    profile: Profile = field(repr=False)
    code_hash: str = field(repr=False)
    tries_left: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FollowLink:
    """The right to follow a guest's orders, of whoever shows the link's token.

    Args:
        id: ``lnk_…``.
        opened_epoch: the user's epoch when it was made; logging out everywhere ends it.
    """

    id: str
    user_id: str
    opened_epoch: int
    issued_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, user: User, policy: Policy, now: datetime) -> FollowLink:
        """Make a link for a guest."""
        return cls(new_id("lnk"), user.id, user.epoch, now, now + policy.link_life)

    def holds(self, user: User, now: datetime) -> bool:
        """Say whether it still leads anywhere."""
        is_current = now < self.expires_at and self.opened_epoch >= user.families_from
        return is_current and user.is_guest and user.may_log_in
