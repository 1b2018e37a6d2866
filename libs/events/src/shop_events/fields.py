"""A schema read for people: its fields one by one, those of its parts behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "format")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a value.

    Args:
        place: such as ``lines[].unit_price.amount``.
        kind: its type in words, with bounds.
        required: whether it is always there.
        about: its description, empty when it has none.
        personal: whether it says something about a person.
    """

    place: str
    kind: str
    required: bool
    about: str
    personal: bool


def fields(schema: Schema, document: Schema, place: str = "") -> Iterator[Field]:
    """Yield the fields of an object; ``document`` is where its references lead."""
    for name, found in schema.get("properties", {}).items():
        inner, here = follow(found, document), f"{place}{name}"
        yield Field(
            here,
            kind(inner, document),
            name in schema.get("required", ()),
            inner.get("description", ""),
            bool(inner.get("x-personal")),
        )
        yield from fields(inner, document, f"{here}.")
        yield from fields(follow(inner.get("items", {}), document), document, f"{here}[].")


def kind(schema: Schema, document: Schema) -> str:
    """Return a schema's type in words."""
    schema = follow(schema, document)
    if "anyOf" in schema:
        return " or ".join(kind(each, document) for each in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " | ".join(map(json.dumps, schema.get("enum", [schema.get("const")])))
    name = schema.get("title") or schema.get("type", "anything")
    if schema.get("type") == "array":
        name = f"list of {kind(schema.get('items', {}), document)}"
    bounds = ", ".join(f"{bound} {schema[bound]}" for bound in _BOUNDS if bound in schema)
    return f"{name} ({bounds})" if bounds else name


def follow(node: Schema, document: Schema) -> Schema:
    """Return what a reference within ``document`` leads to; what is no reference is itself."""
    if "$ref" not in node:
        return node
    target: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return follow({**target, **{key: value for key, value in node.items() if key != "$ref"}}, document)
