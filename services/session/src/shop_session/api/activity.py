"""Activity over HTTP: batches of what a visitor's client noticed."""

from __future__ import annotations

from typing import Any, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from shop_chassis.direct import DirectRoute
from shop_chassis.openapi import responses
from shop_chassis.problems import BadRequest, Unavailable, Unprocessable
from shop_session.api.errors import ERRORS
from shop_session.api.json_body import described, json_object
from shop_session.api.reports import read_reports
from shop_session.api.visit import SHOWN, answer, visit_of
from shop_session.application.activity import ActivityDesk, ignored
from shop_session.domain.activity import MOST_EVENTS, Outcome, is_automated
from shop_session.domain.errors import SessionEnded

router = APIRouter(tags=["activity"], route_class=DirectRoute)

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


class ResultsView(BaseModel):
    """One result an event, in the order of the batch."""

    results: list[ResultView]


@router.post(
    "/v1/session/activity",
    status_code=202,
    response_model=ResultsView,
    responses=responses(SessionEnded, BadRequest, Unprocessable, Unavailable, of=ERRORS),
    openapi_extra={**_BATCH, **SHOWN},
)
async def record_activity(request: Request) -> Response:
    """Take in a batch; it is in its topic once this is answered."""
    told = read_reports(_events(await json_object(request)))
    visit, noted = visit_of(request)
    if is_automated(request.headers):
        results = ignored(told, "automated")
    else:
        desk = cast(ActivityDesk, request.app.state.activity)
        results = await visit.hold(desk.record, told)
    shown = [{"id": each.id, "status": each.outcome, "reason": each.reason} for each in results]
    return answer(noted, {"results": shown}, 202)


def _events(body: dict[str, Any]) -> list[Any]:
    events = body.get("events")
    if not isinstance(events, list) or not 1 <= len(events) <= MOST_EVENTS:
        problem = {"pointer": "#/events", "message": f"This is not a list of 1 to {MOST_EVENTS} events."}
        raise Unprocessable([problem])
    return events
