"""Registering with an e-mail address and a password."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pymongo.errors import DuplicateKeyError

from shop_events.unit_of_work import Transactor
from shop_identity.application.ports import Passwords
from shop_identity.application.throttle import Throttle
from shop_identity.application.users import profile_with
from shop_identity.domain.addresses import EmailAddress, email_address
from shop_identity.domain.errors import AddressTaken, IdempotencyKeyReused
from shop_identity.domain.pseudonyms import Pseudonyms
from shop_identity.domain.users import Profile, Registration, User
from shop_identity.store.unit_of_work import IdentityUnitOfWork


class Registrations:
    """Makes users. Passwords are hashed before the transaction begins.

    ``allow_test_addresses`` lets in the reserved domain ``test``.
    """

    def __init__(
        self,
        transact: Transactor[IdentityUnitOfWork],
        passwords: Passwords,
        throttle: Throttle,
        pseudonyms: Pseudonyms,
        *,
        allow_test_addresses: bool,
    ) -> None:
        self._transact = transact
        self._passwords = passwords
        self._throttle = throttle
        self._pseudonyms = pseudonyms
        self._allow_test_addresses = allow_test_addresses

    async def register(
        self, email: str, password: str, profile: Mapping[str, str | None], client: str, key: str | None
    ) -> User:
        """Make a user; the same request with the same idempotency key gives the same one.

        Args:
            email: as typed.
            password: as typed.
            profile: values by the names of :class:`Profile`.
            client: the client's network address.
            key: the idempotency key, if there is one.

        Raises:
            InvalidField: a value is not acceptable.
            AddressTaken: somebody registered with this address before.
            IdempotencyKeyReused: so did this key, with another request.
            Throttled: this client found too many addresses taken.
        """
        address = email_address(email, allow_test=self._allow_test_addresses)
        wanted = profile_with(Profile(), dict(profile))
        buckets = await self._throttle.admit_registration(self._pseudonyms.client(client))
        request = self._request(key, address, profile)
        password_hash = await self._passwords.hash(password)
        try:
            return await self._add_once(address, password_hash, wanted, request)
        except AddressTaken:
            if again := await self._earlier(address, request, password):
                return again
            await self._throttle.charge(buckets)
            raise

    async def _add_once(
        self, address: EmailAddress, password_hash: str, profile: Profile, request: Registration | None
    ) -> User:
        try:
            return await self._transact(_add, address, password_hash, profile, request)
        except DuplicateKeyError:  # somebody else's registration was committed in between
            return await self._transact(_add, address, password_hash, profile, request)

    async def _earlier(
        self, address: EmailAddress, request: Registration | None, password: str
    ) -> User | None:
        """Return who was registered by the same request, which includes the password."""
        user = await self._transact.read(_by_email, address)
        if request is None or user is None or user.registration is None:
            return None
        if user.registration.key != request.key:
            return None
        fits = await self._passwords.verify(user.password_hash, password)
        if not fits or user.registration != request:
            raise IdempotencyKeyReused
        return user

    def _request(
        self, key: str | None, address: EmailAddress, profile: Mapping[str, str | None]
    ) -> Registration | None:
        if key is None:
            return None
        body = json.dumps([address.key, sorted(profile.items())])
        return Registration(key, self._pseudonyms.fingerprint(body))


async def _add(
    uow: IdentityUnitOfWork,
    address: EmailAddress,
    password_hash: str,
    profile: Profile,
    request: Registration | None,
) -> User:
    if await uow.users.by_email(address.key):
        raise AddressTaken
    user = User.register(address, password_hash, profile, uow.now, registration=request)
    await uow.users.add(user)
    uow.publish(user.all_facts)
    return user


async def _by_email(uow: IdentityUnitOfWork, address: EmailAddress) -> User | None:
    return await uow.users.by_email(address.key)
