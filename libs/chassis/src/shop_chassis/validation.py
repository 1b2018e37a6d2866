"""What is told about values that are not acceptable: where they are and what is wrong, never the values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from shop_chassis.http import ONE_LINE, SEVERAL_LINES
from shop_chassis.problems import BadRequest, Problem, Unprocessable, UnsupportedMediaType

_MOST_ERRORS = 20
_MOST_NAME = 64
_WORDS = {
    "union_tag_invalid": "This is of an unknown kind.",
    "union_tag_not_found": "This does not say its kind.",
    "extra_forbidden": "This field is not known.",
    "missing": "This is needed.",
    "string_pattern_mismatch": "This does not have the expected form.",
    "string_too_short": "This needs {min_length} or more characters.",
    "string_too_long": "This has more than {max_length} characters.",
    "too_short": "This needs {min_length} or more entries.",
    "too_long": "This has more than {max_length} entries.",
    "greater_than_equal": "This is less than {ge}.",
    "greater_than": "This is not more than {gt}.",
    "less_than_equal": "This is more than {le}.",
    "less_than": "This is not less than {lt}.",
    "string_type": "This is not text.",
    "string_unicode": "This is not text.",
    "int_type": "This is not a whole number.",
    "int_parsing": "This is not a whole number.",
    "int_parsing_size": "This number is too large.",
    "int_from_float": "This is not a whole number.",
    "float_type": "This is not a number.",
    "float_parsing": "This is not a number.",
    "finite_number": "This is not a number.",
    "bool_type": "This is neither true nor false.",
    "bool_parsing": "This is neither true nor false.",
    "datetime_type": "This is not a time.",
    "datetime_parsing": "This is not a time.",
    "datetime_from_date_parsing": "This is not a time.",
    "timezone_aware": "This time does not say its offset, such as Z or +01:00.",
    "date_type": "This is not a date.",
    "date_parsing": "This is not a date.",
    "date_from_datetime_parsing": "This is not a date.",
    "list_type": "This is not a list.",
    "dict_type": "This is not an object.",
    "model_type": "This is not an object.",
    "model_attributes_type": "This is not an object.",
    "enum": "This is none of {expected}.",
    "literal_error": "This is none of {expected}.",
}
"""What people are told, by pydantic's name of the error; in braces is what pydantic says of the bound."""

_FORMS = {
    ONE_LINE: "This has control characters or line ends in it.",
    SEVERAL_LINES: "This has control characters in it.",
}
"""What people are told of text that does not match one of these patterns."""


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
    message = message_of(error)
    if place == "body":
        return {"pointer": _pointer(path), "message": message}
    return {"in": str(place), "name": str(path[0] if path else "")[:_MOST_NAME], "message": message}


def _pointer(path: Sequence[str | int]) -> str:
    """Return a JSON pointer as a URI fragment (RFC 6901, section 6) without percent-encoding."""
    return "#" + "".join(f"/{part}" for part in _escaped(path))


def _escaped(path: Iterable[str | int]) -> Iterable[str]:
    return (str(part)[:_MOST_NAME].replace("~", "~0").replace("/", "~1") for part in path)


def message_of(error: Mapping[str, Any]) -> str:
    """Return what people are told of one of pydantic's errors, which has its context with it."""
    kind, text = str(error["type"]), str(error["msg"])
    context = error.get("ctx", {})
    if context.get("pattern") in _FORMS:
        return _FORMS[context["pattern"]]
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    if kind.endswith(("_parsing", "_from_date_parsing", "_syntax_violation")):
        return text.split(",", maxsplit=1)[0]  # what follows the comma may quote the value
    return text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
