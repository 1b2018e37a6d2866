"""What is told about values that are not acceptable: where they are and what is wrong, never the values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from shop_chassis.problems import BadRequest, Problem, Unprocessable, UnsupportedMediaType

_MOST_ERRORS = 20
_MOST_NAME = 64
_TAGS = {
    "union_tag_invalid": "Input has an unknown kind",
    "union_tag_not_found": "Input does not say its kind",
    "extra_forbidden": "This field is not known",
    "string_pattern_mismatch": "Input does not have the expected form",
}


def validation_problem(error: RequestValidationError) -> Problem:
    """Return the problem that describes FastAPI's finding."""
    errors = error.errors()
    if isinstance(error.body, bytes) and error.body:
        return UnsupportedMediaType("Send the body as application/json.")
    if any(each["type"] == "json_invalid" for each in errors):
        return BadRequest("The body is not valid JSON.")
    return Unprocessable([_described(each) for each in errors[:_MOST_ERRORS]])


def _described(error: Mapping[str, Any]) -> dict[str, str]:
    place, *path = error["loc"]
    message = _message(error)
    if place == "body":
        return {"pointer": _pointer(path), "message": message}
    return {"in": str(place), "name": str(path[0] if path else "")[:_MOST_NAME], "message": message}


def _pointer(path: Sequence[str | int]) -> str:
    """Return a JSON pointer as a URI fragment (RFC 6901, section 6) without percent-encoding."""
    return "#" + "".join(f"/{part}" for part in _escaped(path))


def _escaped(path: Iterable[str | int]) -> Iterable[str]:
    return (str(part)[:_MOST_NAME].replace("~", "~0").replace("/", "~1") for part in path)


def _message(error: Mapping[str, Any]) -> str:
    kind, text = str(error["type"]), str(error["msg"])
    if kind in _TAGS:
        return _TAGS[kind]
    if kind.endswith(("_parsing", "_from_date_parsing", "_syntax_violation")):
        return text.split(",", maxsplit=1)[0]  # what follows the comma may quote the value
    return text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
