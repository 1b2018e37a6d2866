"""Routes of users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from shop_chassis.auth import Authenticated
from shop_chassis.http import IfMatch, Read, Transact, etag
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired, Unprocessable
from shop_identity.api.dependencies import ClientAddress, OptionalIdempotencyKey, RegistrationDesk
from shop_identity.api.errors import ERRORS
from shop_identity.api.schemas import Amend, AssignRoles, Register, RolesView, UserView
from shop_identity.application import closing, users
from shop_identity.domain import errors
from shop_identity.domain.users import User

router = APIRouter(tags=["users"])

UserId = Annotated[str, Path(pattern=r"^usr_[0-9a-f]{32}$")]


@router.post(
    "/v1/users",
    status_code=201,
    responses=responses(
        errors.AddressTaken,
        errors.IdempotencyKeyReused,
        Unprocessable,
        errors.Throttled,
        errors.HashingBusy,
        of=ERRORS,
    ),
)
async def register(
    body: Register,
    client: ClientAddress,
    registrations: RegistrationDesk,
    response: Response,
    idempotency_key: OptionalIdempotencyKey = None,
) -> UserView:
    """Register with an e-mail address and a password."""
    user = await registrations.register(body.email, body.password, body.profile, client, idempotency_key)
    response.headers["Location"] = "/v1/users/me"
    return _shown(user, response)


@router.get("/v1/users/me", responses=responses(errors.UnknownUser, of=ERRORS))
async def show_me(caller: Authenticated, read: Read, response: Response) -> UserView:
    """Show the caller's own user."""
    return _shown(await read(users.show, caller), response)


@router.patch(
    "/v1/users/me",
    responses=responses(
        errors.UnknownUser, errors.VersionMismatch, Unprocessable, PreconditionRequired, of=ERRORS
    ),
)
async def amend_me(
    body: Amend, caller: Authenticated, revision: IfMatch, transact: Transact, response: Response
) -> UserView:
    """Change the caller's own profile."""
    return _shown(await transact(users.amend, caller, revision, body.changes, body.consent), response)


@router.delete(
    "/v1/users/me",
    status_code=204,
    responses=responses(
        errors.AccountNeeded,
        errors.UnknownUser,
        errors.OwnRoleKept,
        errors.VersionMismatch,
        PreconditionRequired,
        of=ERRORS,
    ),
)
async def close_mine(caller: Authenticated, revision: IfMatch, transact: Transact) -> None:
    """Close the caller's own account for good; all services forget what is personal."""
    await transact(closing.close_own, caller, revision)


@router.delete(
    "/v1/users/{user_id}",
    status_code=204,
    responses=responses(errors.NotAllowed, errors.UnknownUser, errors.OwnRoleKept, of=ERRORS),
)
async def close(user_id: UserId, caller: Authenticated, transact: Transact) -> None:
    """Close somebody's account, or forget a guest, as an administrator who was asked to."""
    await transact(closing.close, caller, user_id)


@router.put(
    "/v1/users/{user_id}/roles",
    responses=responses(
        errors.NotAllowed, errors.UnknownUser, errors.OwnRoleKept, errors.GuestRoleKept, of=ERRORS
    ),
)
async def assign_roles(
    user_id: UserId, body: AssignRoles, caller: Authenticated, transact: Transact
) -> RolesView:
    """Replace a user's roles, as an administrator; tokens with the old ones are refused from then on."""
    return RolesView.of(await transact(users.assign_roles, caller, user_id, body.roles))


def _shown(user: User, response: Response) -> UserView:
    response.headers["ETag"] = etag(user.revision)
    response.headers["Cache-Control"] = "no-store"
    return UserView.of(user)
