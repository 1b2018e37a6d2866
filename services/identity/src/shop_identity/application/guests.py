"""Buying without an account: an address is shown to be somebody's, and a link leads back to their orders.

Nothing is kept of an address that nobody has shown to be theirs, but for the minutes of its verification, so
that no answer depends on who is known.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pymongo.errors import DuplicateKeyError

from shop_events.contracts.identity import GuestCodeIssued, GuestLinkIssued, LoginFailed, LoginSucceeded
from shop_events.ids import new_id
from shop_events.unit_of_work import Transactor
from shop_identity.application.throttle import Throttle
from shop_identity.application.tokens import Grant, Mint
from shop_identity.application.users import profile_with
from shop_identity.domain.addresses import EmailAddress, email_address, guest_key
from shop_identity.domain.errors import ProofRefused
from shop_identity.domain.families import Family
from shop_identity.domain.guests import FollowLink, Verification, new_code
from shop_identity.domain.pseudonyms import Pseudonyms
from shop_identity.domain.users import Profile, User
from shop_identity.store.guests import Tries
from shop_identity.store.unit_of_work import IdentityUnitOfWork


@dataclass(frozen=True, slots=True)
class Asked:
    """A code is on its way. ``expires_in`` is in seconds."""

    verification_id: str
    expires_in: int


class Guests:
    """Lets people in who can read an address's mail.

    ``allow_test_addresses`` lets in the reserved domain ``test``.
    """

    def __init__(
        self,
        transact: Transactor[IdentityUnitOfWork],
        tries: Tries,
        throttle: Throttle,
        pseudonyms: Pseudonyms,
        mint: Mint,
        *,
        allow_test_addresses: bool,
    ) -> None:
        self._transact = transact
        self._tries = tries
        self._throttle = throttle
        self._pseudonyms = pseudonyms
        self._mint = mint
        self._allow_test_addresses = allow_test_addresses

    async def ask(self, email: str, profile: Mapping[str, str | None], client: str) -> Asked:
        """Have a code mailed to an address; the answer is the same whoever it belongs to.

        Args:
            email: as typed.
            profile: values by the names of :class:`Profile`.
            client: the client's network address.

        Raises:
            InvalidField: a value is not acceptable.
            Throttled: too many mails were asked for, to this address or by this client.
        """
        address = email_address(email, allow_test=self._allow_test_addresses)
        wanted = profile_with(Profile(), dict(profile))
        await self._throttle.take_mail(self._account(address), self._pseudonyms.client(client))
        return await self._transact(self._begin, address, wanted)

    async def verify(self, verification_id: str, code: str, client: str) -> Grant:
        """Let the guest in who knows the code; it is worthless afterwards.

        Raises:
            Throttled: too much of what this client showed did not hold.
            ProofRefused: the code is wrong, was shown before or mistyped too often, or is too old.
        """
        whence = self._pseudonyms.client(client)
        buckets = await self._throttle.admit_proof(whence)
        verification = await self._tries.spend(verification_id)
        if verification is None or not self._fits(verification, code):
            await self._throttle.charge(buckets)
            if verification is not None:
                await self._transact(_tell_failed, self._account(verification.email))
            raise ProofRefused
        grant = await self._admit_once(verification)
        if grant is None:
            raise ProofRefused
        await self._throttle.remember(self._account(verification.email), whence)
        return grant

    async def follow(self, token: str, client: str) -> Grant:
        """Return an access token for the token of a link.

        Raises:
            Throttled: too much of what this client showed did not hold.
            ProofRefused: the link is unknown, too old or revoked.
        """
        buckets = await self._throttle.admit_proof(self._pseudonyms.client(client))
        try:
            return await self._transact(self._follow, token)
        except ProofRefused:
            await self._throttle.charge(buckets)
            raise

    async def _begin(self, uow: IdentityUnitOfWork, email: EmailAddress, profile: Profile) -> Asked:
        known = await uow.users.by_email(guest_key(email))
        id, code, policy = new_id("ver"), new_code(), uow.policy
        verification = Verification(
            id=id,
            user_id=known.id if known else new_id("usr"),
            email=email,
            profile=profile,
            code_hash=self._pseudonyms.code(id, code),
            tries_left=policy.code_tries,
            expires_at=uow.now + policy.code_life,
        )
        await uow.guests.begin(verification)
        await uow.have_mailed(_code_of(verification, code))
        return Asked(id, int(policy.code_life.total_seconds()))

    def _fits(self, verification: Verification, code: str) -> bool:
        return hmac.compare_digest(self._pseudonyms.code(verification.id, code), verification.code_hash)

    async def _admit_once(self, verification: Verification) -> Grant | None:
        try:
            return await self._transact(self._admit, verification)
        except DuplicateKeyError:  # the same address was verified in between; its guest is there now
            return await self._transact(self._admit, verification)

    async def _admit(self, uow: IdentityUnitOfWork, verification: Verification) -> Grant | None:
        if not await uow.guests.redeem(verification.id):
            raise ProofRefused
        guest = await _guest(uow, verification)
        if not guest.may_log_in:
            await uow.note(LoginFailed(subject=guest.id, reason="disabled", at=uow.now))
            return None
        await _issue_link(uow, guest)
        family = await _open(uow, Family.open(guest, uow.policy, uow.now, uow.policy.guest_absolute))
        return await self._mint.issue(uow, guest, family)

    async def _follow(self, uow: IdentityUnitOfWork, token: str) -> Grant:
        link = await uow.guests.link_by_token(token)
        if link is None:
            raise ProofRefused
        guest = await uow.users.get(link.user_id)
        if not link.holds(guest, uow.now):
            raise ProofRefused
        family = await _open(uow, Family.open(guest, uow.policy, uow.now, uow.policy.longest_acceptance))
        return await self._mint.issue_once(uow, guest, family)

    def _account(self, email: EmailAddress) -> str:
        return self._pseudonyms.account(guest_key(email))


async def _guest(uow: IdentityUnitOfWork, verification: Verification) -> User:
    """Return the guest with an address, who may be new, and may say another name than last time."""
    guest = await uow.users.by_email(guest_key(verification.email))
    if guest is None:
        guest = User.admit_guest(verification.user_id, verification.email, verification.profile, uow.now)
        await uow.users.add(guest)
    elif verification.profile.name:
        guest.contact.change(replace(guest.contact.profile, name=verification.profile.name))
        await uow.users.save(guest)
    uow.publish(guest.all_facts)
    return guest


async def _open(uow: IdentityUnitOfWork, family: Family) -> Family:
    await uow.families.add(family)
    await uow.note(LoginSucceeded(user_id=family.user_id, family_id=family.id, at=uow.now))
    return family


async def _issue_link(uow: IdentityUnitOfWork, guest: User) -> None:
    token, link = secrets.token_urlsafe(32), FollowLink.of(guest, uow.policy, uow.now)
    await uow.guests.add_link(token, link)
    await uow.have_mailed(
        GuestLinkIssued(
            user_id=guest.id,
            link_id=link.id,
            token=token,
            issued_at=link.issued_at,
            expires_at=link.expires_at,
        )
    )


def _code_of(verification: Verification, code: str) -> GuestCodeIssued:
    return GuestCodeIssued(
        user_id=verification.user_id,
        verification_id=verification.id,
        address=verification.email.address,
        name=verification.profile.name,
        language=verification.profile.language,
        code=code,
        expires_at=verification.expires_at,
    )


async def _tell_failed(uow: IdentityUnitOfWork, subject: str) -> None:
    await uow.note(LoginFailed(subject=subject, reason="credentials", at=uow.now))
