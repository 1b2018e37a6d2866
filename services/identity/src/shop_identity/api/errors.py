"""How what identity refuses is answered."""

from __future__ import annotations

from shop_chassis.problems import (
    ErrorMap,
    Forbidden,
    NotFound,
    PreconditionFailed,
    TooManyRequests,
    Unavailable,
    Unprocessable,
)
from shop_identity.domain import errors

ERRORS: ErrorMap = {
    errors.InvalidField: Unprocessable,
    errors.AddressTaken: 409,
    errors.IdempotencyKeyReused: 422,
    errors.WrongCredentials: 401,
    errors.RefreshRefused: 401,
    errors.ProofRefused: 401,
    errors.Throttled: TooManyRequests,
    errors.UnknownUser: NotFound,
    errors.VersionMismatch: PreconditionFailed,
    errors.NotAllowed: Forbidden,
    errors.OwnRoleKept: 409,
    errors.GuestRoleKept: 409,
    errors.AccountNeeded: Forbidden,
    errors.UnknownCard: NotFound,
    errors.CardTaken: 409,
    errors.CardRemoved: 409,
    errors.TooManyCards: 409,
    errors.NoSigningKey: Unavailable,
    errors.HashingBusy: Unavailable,
}
