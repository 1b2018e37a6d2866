"""Activity over HTTP: batches of what a visitor's client noticed."""

from __future__ import annotations

from typing import Annotated, Any, Self, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from shop_chassis.openapi import responses
from shop_chassis.problems import BadRequest, Unavailable, Unprocessable
from shop_session.api.errors import ERRORS
from shop_session.api.json_body import JsonObject, described
from shop_session.api.reports import read_report
from shop_session.api.visit import Visitor
from shop_session.application.activity import ActivityDesk, ignored
from shop_session.domain.activity import MOST_EVENTS, Outcome, Report, Result, is_automated
from shop_session.domain.errors import SessionEnded

router = APIRouter(tags=["activity"])

_BATCH = described(
    ("application/json", "text/plain"),
    {
        "type": "object",
        "required": ["events"],
        "properties": {
            "events": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_EVENTS,
                "items": {
                    "type": "object",
                    "required": ["id", "type", "at"],
                    "description": "page_viewed (view_id, page, product_id?), page_engaged (view_id, "
                    "milliseconds so far, product_id?), recommendation_shown (placement, product_ids), "
                    "recommendation_clicked (placement, product_id)",
                    "properties": {
                        "id": {"type": "string", "description": "The client's own, unique per visitor"},
                        "type": {"type": "string"},
                        "at": {"type": "string", "format": "date-time"},
                    },
                },
            }
        },
    },
)


class ResultView(BaseModel):
    """What became of the event that the client calls ``id``; ``reason`` where it was not accepted."""

    id: str | None
    status: Outcome
    reason: str | None

    @classmethod
    def of(cls, result: Result) -> Self:
        """Return how a result is shown."""
        return cls(id=result.id, status=result.outcome, reason=result.reason)


class ResultsView(BaseModel):
    """One result an event, in the order of the batch."""

    results: list[ResultView]


async def _desk(request: Request) -> ActivityDesk:
    return cast(ActivityDesk, request.app.state.activity)


async def _told(body: JsonObject) -> list[Report | Result]:
    events: Any = body.get("events")
    if not isinstance(events, list) or not 1 <= len(events) <= MOST_EVENTS:
        problem = {"pointer": "#/events", "message": f"Input should be a list of 1 to {MOST_EVENTS} events"}
        raise Unprocessable([problem])
    return [read_report(event) for event in events]


@router.post(
    "/v1/session/activity",
    status_code=202,
    responses=responses(SessionEnded, BadRequest, Unavailable, of=ERRORS),
    openapi_extra=_BATCH,
)
async def record_activity(
    told: Annotated[list[Report | Result], Depends(_told)],
    visit: Visitor,
    request: Request,
    desk: Annotated[ActivityDesk, Depends(_desk)],
) -> ResultsView:
    """Take in a batch; it is in its topic once this is answered."""
    if is_automated(request.headers):
        results = ignored(told, "automated")
    else:
        results = await visit.hold(desk.record, told)
    return ResultsView(results=[ResultView.of(result) for result in results])
