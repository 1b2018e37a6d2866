"""Users: shown, amended, given roles, published again; and the first administrator."""

from __future__ import annotations

from dataclasses import replace

from shop_events.contracts.base import Fact
from shop_identity.application import revocations
from shop_identity.application.ports import Caller
from shop_identity.domain.addresses import EmailAddress, language_tag, phone_number, time_zone
from shop_identity.domain.errors import AddressTaken, AdministratorExists, NotAllowed, VersionMismatch
from shop_identity.domain.users import Profile, Role, User
from shop_identity.store.unit_of_work import IdentityUnitOfWork

_BATCH = 100


async def show(uow: IdentityUnitOfWork, caller: Caller) -> User:
    """Return the caller's own user."""
    return await uow.users.get(caller.user_id)


async def amend(
    uow: IdentityUnitOfWork,
    caller: Caller,
    revision: int,
    changes: dict[str, str | None],
    marketing: bool | None = None,
) -> User:
    """Change parts of the caller's own profile.

    Args:
        revision: the state that the change is based on.
        changes: new values by the names of :class:`Profile`.
        marketing: whether they agree to be sent what they did not ask for; None leaves it. Agreeing again
            counts from now on, so that it outweighs an unsubscription in between.

    Raises:
        VersionMismatch: the user is in another state by now.
        InvalidField: a value is not acceptable.
    """
    user = await uow.users.get(caller.user_id)
    if user.revision != revision:
        raise VersionMismatch
    profile = profile_with(user.contact.profile, changes)
    if marketing is not None:
        profile = replace(profile, marketing_since=uow.now if marketing else None)
    user.contact.change(profile)
    await uow.users.save(user)
    uow.publish(user.all_facts)
    return user


async def assign_roles(uow: IdentityUnitOfWork, caller: Caller, user_id: str, roles: list[Role]) -> User:
    """Replace somebody's roles; tokens with the old ones are refused from now on.

    Raises:
        NotAllowed: the caller is no administrator.
        UnknownUser: there is no such user.
        OwnRoleKept: administrators keep their own role.
        GuestRoleKept: guests stay what they are.
    """
    if Role.ADMINISTRATOR not in caller.roles:
        raise NotAllowed
    user = await uow.users.get(user_id)
    if user.assign_roles(roles, by=caller.user_id):
        await uow.users.save(user)
        uow.publish(user.all_facts)
        await revocations.revoke(uow, user.id, user.epoch)
    return user


async def create_administrator(uow: IdentityUnitOfWork, email: EmailAddress, password_hash: str) -> User:
    """Make the first administrator.

    Raises:
        AdministratorExists: there is one.
        AddressTaken: somebody registered with this address. It may not be whom the operator means, so that
            they are not promoted.
    """
    if await uow.users.administrator_exists():
        raise AdministratorExists
    if await uow.users.by_email(email.key):
        raise AddressTaken
    user = User.register(email, password_hash, Profile(), uow.now, role=Role.ADMINISTRATOR)
    await uow.users.add(user)
    uow.publish(user.all_facts)
    return user


async def republish(uow: IdentityUnitOfWork, after: str) -> tuple[int, str | None]:
    """Publish the next users and contacts again; return how many facts, and after which id to go on."""
    users = await uow.users.touch_after(after, _BATCH, uow.now)
    for user in users:
        uow.publish([Fact(user.current(), user.version), Fact(user.contact.current(), user.contact.version)])
    return 2 * len(users), users[-1].id if users else None


def profile_with(profile: Profile, changes: dict[str, str | None]) -> Profile:
    """Return the profile with ``changes``, each in its normal form; InvalidField for what has none."""
    normal = {"phone": phone_number, "language": language_tag, "time_zone": time_zone}
    clean = {
        name: normal[name](value) if name in normal and value is not None else value
        for name, value in changes.items()
    }
    return replace(profile, **clean)  # type: ignore[arg-type]
