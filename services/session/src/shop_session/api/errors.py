"""How the errors of the domain are answered."""

from __future__ import annotations

from shop_chassis.problems import (
    ErrorMap,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    Unauthenticated,
    Unavailable,
)
from shop_events.telemetry import TelemetryUnavailable
from shop_session.domain import errors

ERRORS: ErrorMap = {
    errors.SessionEnded: 401,
    errors.LoginRevoked: Unauthenticated,
    errors.NotLinked: 403,
    errors.CartFull: 409,
    errors.TooManyPieces: 409,
    errors.VariantNeeded: 422,
    errors.VersionConflict: PreconditionFailed,
    errors.StateNotFound: NotFound,
    errors.StateTooLarge: PayloadTooLarge,
    errors.TooManyStates: 409,
    errors.KeyReused: 422,
    TelemetryUnavailable: Unavailable,
}
