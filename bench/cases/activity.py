"""Activity taken in: batches of page views and engaged time, acknowledged by Kafka before the answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bench.cases.visitors import visitors
from bench.figures import Comparison, Contender, Effort
from bench.ground import Ground
from bench.load import CONNECTIONS, Load, load
from bench.wire import request

EVENTS = 10
"""Events of a batch."""
_VISITORS_EACH = 16
"""Visitors whose clients share a connection, as they do behind a gateway."""
_PRODUCTS = 1000


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare the session service with an application that only produces."""
    here.topics("ours.")
    here.topics("bare.")
    with (
        here.serving("bare", "bench.baselines", "activity", topic_prefix="bare.") as bare,
        here.serving("session", "shop_session", "api", topic_prefix="ours.") as ours,
    ):
        sessions = visitors(ours, CONNECTIONS * _VISITORS_EACH, consent=True)

        def contender(name: str, port: int) -> Contender:
            what = Load(port, "bench.cases.activity:batches", sessions, effort.seconds, EVENTS, 202)
            return Contender(name, lambda: load(what))

        figures = effort.alternate(
            [contender("bare ASGI + aiokafka", bare), contender("POST /v1/session/activity", ours)]
        )
    return [Comparison("activity taken in", "events", figures, least_ratio=0.7)]


def batches(sessions: list[str], connection: int) -> Iterator[bytes]:
    """Send batches of events that were never told before, for one visitor after the other."""
    mine = sessions[connection * _VISITORS_EACH : (connection + 1) * _VISITORS_EACH]
    number = 0
    while True:
        number += 1
        headers = {"session-id": mine[number % len(mine)]}
        yield request("POST", "/v1/session/activity", headers, {"events": _batch(number)})


def _batch(number: int) -> list[dict[str, Any]]:
    """Return views of some pages, with the engaged time of each."""
    at = datetime.now(UTC).isoformat()
    events: list[dict[str, Any]] = []
    for index in range(EVENTS // 2):
        view, product_id = secrets.token_hex(8), f"prd_{(number * 7 + index) % _PRODUCTS}"
        page = {"view_id": view, "product_id": product_id, "at": at}
        path = f"/products/{product_id}"
        events.append({"id": f"{view}.0", "type": "page_viewed", "page": path, **page})
        events.append({"id": f"{view}.1", "type": "page_engaged", "milliseconds": 5000 + index, **page})
    return events
