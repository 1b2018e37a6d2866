"""Query parameters that a route does not know are refused: a misspelt filter would filter nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request

from shop_chassis.problems import Unprocessable

_MOST_NAME = 64


class KnownParameters:
    """What the query of each GET route may say, as its OpenAPI document has it; a dependency of all routes.

    Other methods are left alone: their queries are not read, or are those of a provider's webhook.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._known: dict[str, dict[str, bool]] = {}

    async def __call__(self, request: Request) -> None:
        """Look at a request.

        Raises:
            Unprocessable: a parameter is not known, or is said twice and can only be said once.
        """
        if not request.scope["query_string"] or request.method not in ("GET", "HEAD"):
            return
        said = Counter(name for name, _ in request.query_params.multi_items())
        known = self._of(request.scope["route"].path)
        faults = [
            {"in": "query", "name": name[:_MOST_NAME], "message": message}
            for name, times in said.items()
            if (message := _fault(known.get(name), times))
        ]
        if faults:
            raise Unprocessable(faults[:20])

    def _of(self, path: str) -> Mapping[str, bool]:
        """Return the parameters of a route, each with whether it may be said several times."""
        if not self._known:
            for each, item in self._app.openapi()["paths"].items():
                self._known[each] = _repeatable_by_name(item.get("get", {}))
        return self._known.get(path, {})


def _repeatable_by_name(operation: Mapping[str, Any]) -> dict[str, bool]:
    return {
        each["name"]: each["schema"].get("type") == "array"
        for each in operation.get("parameters", [])
        if each["in"] == "query"
    }


def _fault(repeatable: bool | None, times: int) -> str | None:
    if repeatable is None:
        return "This parameter is not known."
    return None if repeatable or times == 1 else "This is said more than once."
