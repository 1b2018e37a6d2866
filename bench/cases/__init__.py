"""The measurements by name."""

from __future__ import annotations

from collections.abc import Callable

from bench.cases import activity, recommendations, session, stream
from bench.figures import Comparison, Effort
from bench.ground import Ground

CASES: dict[str, Callable[[Ground, Effort], list[Comparison]]] = {
    "session": session.compare,
    "activity": activity.compare,
    "stream": stream.compare,
    "recommendations": recommendations.compare,
}
