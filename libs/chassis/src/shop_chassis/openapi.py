"""The OpenAPI document: each error is a problem document, and each route says which ones it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shop_chassis.problems import MEDIA_TYPE, TYPE_PREFIX, ErrorMap, Problem, slug_of, title_of

_PROBLEM = {
    "type": "object",
    "title": "ProblemDocument",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "correlation_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}},
    },
}
_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
_REQUIRED_HEADERS = frozenset({"Idempotency-Key", "If-Match"})


def responses(*errors: type[Exception], of: ErrorMap | None = None) -> dict[int | str, dict[str, Any]]:
    """Return what a route declares as its ``responses``: problems, and domain errors that ``of`` maps.

    ``@router.post("/v1/orders", responses=responses(OutOfStock, NotFound, of=ERRORS))``

    Raises:
        KeyError: a domain error has no entry in ``of``.
    """
    declared: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        status, slug, title = _described(error, of or {})
        known = declared.setdefault(status, {"description": "", "content": _CONTENT})
        line = f"{title} (`{TYPE_PREFIX}{slug}`)"
        known["description"] = "; ".join(filter(None, [known["description"], line]))
    return declared


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of ``app``, made once."""
    if not app.openapi_schema:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["ProblemDocument"] = _PROBLEM
        for operation in _operations(made):
            _correct(operation)
        app.openapi_schema = made
    return app.openapi_schema


def _described(error: type[Exception], errors: ErrorMap) -> tuple[int, str, str]:
    if issubclass(error, Problem):
        return error.status, error.slug, error.title
    target = next(errors[cls] for cls in error.__mro__ if cls in errors) if errors else errors[error]
    if isinstance(target, int):
        return target, slug_of(error), title_of(error)
    return target.status, target.slug, target.title


def _operations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in made.get("paths", {}).values():
        yield from (operation for operation in item.values() if isinstance(operation, dict))


def _correct(operation: dict[str, Any]) -> None:
    """Say what FastAPI cannot know: the form of 422 and of all other errors, and headers that we require."""
    answers = operation["responses"]
    framework = answers.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if framework.get("$ref", "").endswith("/HTTPValidationError"):
        answers["422"] = {"description": "Values are not acceptable", "content": _CONTENT}
    if operation.get("security"):
        answers.setdefault("401", {"description": "A valid access token is needed", "content": _CONTENT})
    answers.setdefault("default", {"description": "Any other error", "content": _CONTENT})
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header" and parameter["name"] in _REQUIRED_HEADERS:
            parameter["required"] = True
            parameter["schema"] = _not_null(parameter["schema"])


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without null: a route takes None only to answer in its own words."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]}
