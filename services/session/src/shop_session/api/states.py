"""The visitor's own saved states over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from shop_chassis.http import BadEntityTag, IfMatch, Listing, etag
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired
from shop_session.api.errors import ERRORS
from shop_session.api.json_body import JsonObject, described
from shop_session.api.preconditions import MaybeVersion, VersionOrNew
from shop_session.api.visit import Visitor
from shop_session.application import states
from shop_session.domain.errors import (
    SessionEnded,
    StateNotFound,
    StateTooLarge,
    TooManyStates,
    VersionConflict,
)
from shop_session.domain.states import LONGEST_NAME, SavedState

router = APIRouter(tags=["saved states"])

Name = Annotated[str, Path(pattern=rf"^[a-z0-9][a-z0-9._-]{{0,{LONGEST_NAME - 1}}}$")]

_DOCUMENT = described(("application/json",), {"type": "object"})
_PATCH = described(("application/merge-patch+json", "application/json"), {"type": "object"})


class StateSummary(BaseModel):
    """A saved state without its document."""

    name: str
    etag: str
    updated_at: datetime

    @classmethod
    def of(cls, state: SavedState) -> Self:
        """Return how a saved state is listed."""
        return cls(name=state.name, etag=etag(state.version), updated_at=state.updated_at)


@router.get("/v1/session/states", responses=responses(SessionEnded, of=ERRORS))
async def list_states(visit: Visitor) -> Listing[StateSummary]:
    """List what the visitor has saved, by name."""
    found = await visit.read(states.names)
    return Listing(items=[StateSummary.of(state) for state in found])


@router.get("/v1/session/states/{name}", responses=responses(SessionEnded, StateNotFound, of=ERRORS))
async def show_state(name: Name, visit: Visitor, response: Response) -> dict[str, Any]:
    """Show a saved document; its ETag is what a change must name."""
    return _answer(await visit.read(states.show, name), response)


@router.put(
    "/v1/session/states/{name}",
    responses=responses(
        SessionEnded,
        VersionConflict,
        StateTooLarge,
        TooManyStates,
        BadEntityTag,
        PreconditionRequired,
        of=ERRORS,
    ),
    openapi_extra=_DOCUMENT,
)
async def save_state(
    name: Name, document: JsonObject, visit: Visitor, version: VersionOrNew, response: Response
) -> dict[str, Any]:
    """Save a document in place of the version that If-Match names, or a new one (`If-None-Match: *`)."""
    return _answer(await visit.write(states.save, name, document, version), response)


@router.patch(
    "/v1/session/states/{name}",
    responses=responses(SessionEnded, StateNotFound, VersionConflict, StateTooLarge, BadEntityTag, of=ERRORS),
    openapi_extra=_PATCH,
)
async def change_state(
    name: Name, patch: JsonObject, visit: Visitor, version: MaybeVersion, response: Response
) -> dict[str, Any]:
    """Change members of a saved document (RFC 7396); changes of other members at the same time are kept."""
    return _answer(await visit.write(states.change, name, patch, version), response)


@router.delete(
    "/v1/session/states/{name}",
    status_code=204,
    responses=responses(
        SessionEnded, StateNotFound, VersionConflict, BadEntityTag, PreconditionRequired, of=ERRORS
    ),
)
async def delete_state(name: Name, visit: Visitor, version: IfMatch) -> None:
    """Delete the version that If-Match names."""
    await visit.write(states.delete, name, version)


def _answer(state: SavedState, response: Response) -> dict[str, Any]:
    response.headers["ETag"] = etag(state.version)
    return state.document
