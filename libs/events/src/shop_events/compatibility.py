"""Whether one version of a schema reads what another one writes; where not, why.

Compares two JSON Schemas of the kind that contracts have. The writer's schema counts as closed: it writes no
field that it does not name. A keyword that is not understood here must be the same on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

Schema = Mapping[str, Any]

_ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator")
)
_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_JUDGED = frozenset(
    (
        *("type", "enum", "const", "anyOf", "oneOf"),
        *("properties", "required", "additionalProperties", "items", "prefixItems"),
    )
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something a writer may write that a reader does not take, or does not find.

    Args:
        place: the field, such as ``lines[].title``; empty for the value as a whole.
        what: what the writer may do and the reader does not take, in words.
        silent: the value decodes nevertheless, and the reader does not learn what it used to.
    """

    place: str
    what: str
    silent: bool = False


def refusals(writer: Schema, reader: Schema) -> list[Refusal]:
    """Return every reason why ``reader`` may refuse a value that ``writer`` allows; none: it takes all."""
    return [found for found in _Comparison(writer, reader).whole() if not found.silent]


def losses(writer: Schema, reader: Schema) -> list[Refusal]:
    """Return the fields that ``reader`` looks for, need not find, and never gets from ``writer``."""
    return [found for found in _Comparison(writer, reader).whole() if found.silent]


class _Comparison:
    """The walk through both schemas side by side; within a recursive definition it goes round once."""

    def __init__(self, writer: Schema, reader: Schema) -> None:
        self._writer, self._reader = writer, reader
        self._within: set[tuple[str, str]] = set()

    def whole(self) -> Iterator[Refusal]:
        return self._compare(self._writer, self._reader, "")

    def _compare(self, writer: Schema | bool, reader: Schema | bool, place: str) -> Iterator[Refusal]:
        pair = (json.dumps(writer, sort_keys=True), json.dumps(reader, sort_keys=True))
        if pair in self._within:
            return
        self._within.add(pair)
        accepted = _alternatives(reader, self._reader)
        for written in _alternatives(writer, self._writer):
            yield from self._one_of(written, accepted, place)
        self._within.discard(pair)

    def _one_of(self, written: Schema, accepted: Sequence[Schema], place: str) -> Iterator[Refusal]:
        """Compare one alternative of the writer with the reader's: one that takes all of it is enough."""
        likely = [reader for reader in accepted if _takes_type(written, reader)]
        if not likely:
            named = " or ".join(map(_type_of, accepted)) or "nothing"
            yield Refusal(place, f"may be {_type_of(written)}, {named} is expected")
            return
        tried = [list(self._plain(written, reader, place)) for reader in likely]
        yield from min(tried, key=lambda found: (sum(not each.silent for each in found), len(found)))

    def _plain(self, writer: Schema, reader: Schema, place: str) -> Iterator[Refusal]:
        yield from _values(writer, reader, place)
        yield from _bounds(writer, reader, place)
        yield from _other_keywords(writer, reader, place)
        if _is_object(writer) and _is_object(reader):
            yield from self._fields(writer, reader, place)
        if writer.get("type") == "array":
            yield from self._items(writer, reader, f"{place}[]")

    def _items(self, writer: Schema, reader: Schema, place: str) -> Iterator[Refusal]:
        first, known = writer.get("prefixItems", ()), reader.get("prefixItems", ())
        for written, demand in zip_longest(first, known):
            either = (writer.get("items", {}) if written is None else written, reader.get("items", {}))
            yield from self._compare(either[0], either[1] if demand is None else demand, place)
        if "items" in reader and writer.get("maxItems", len(first) + 1) > len(first):
            yield from self._compare(writer.get("items", {}), reader["items"], place)

    def _fields(self, writer: Schema, reader: Schema, place: str) -> Iterator[Refusal]:
        written, known = writer.get("properties", {}), reader.get("properties", {})
        required = set(reader.get("required", ()))
        for name in sorted(required - set(writer.get("required", ()))):
            what = "may be missing" if name in written else f"is never there{_renamed(name, writer, reader)}"
            yield Refusal(_joined(place, name), what)
        for name in sorted(known.keys() - written.keys() - required):
            what = f"is never there{_renamed(name, writer, reader)}"
            yield Refusal(_joined(place, name), what, silent=True)
        for name, schema in written.items():
            yield from self._field(schema, name, reader, place)
        if writer.get("additionalProperties", False) is not False:
            yield from self._further(writer["additionalProperties"], reader, f"{place}{{}}")

    def _field(self, schema: Schema | bool, name: str, reader: Schema, place: str) -> Iterator[Refusal]:
        known, more = reader.get("properties", {}), reader.get("additionalProperties", True)
        if name in known:
            yield from self._compare(schema, known[name], _joined(place, name))
        elif more is False:
            yield Refusal(_joined(place, name), "is unknown there, and unknown fields are refused")
        elif more is not True:
            yield from self._compare(schema, more, _joined(place, name))

    def _further(self, writer: Schema | bool, reader: Schema, place: str) -> Iterator[Refusal]:
        more = reader.get("additionalProperties", True)
        if more is False:
            yield Refusal(place, "may have any name, and unknown fields are refused")
            return
        for demand in (more, *reader.get("properties", {}).values()):
            yield from self._compare(writer, demand, place)


def _renamed(name: str, writer: Schema, reader: Schema) -> str:
    """Say under which name a missing field may be there: one that looks the same and is new."""
    known, written = reader.get("properties", {}), writer.get("properties", {})
    alike = [f"`{each}`" for each in written if each not in known and written[each] == known.get(name)]
    return f" (renamed to {' or '.join(alike)}?)" if alike else ""


def _alternatives(schema: Schema | bool, root: Schema) -> list[Schema]:
    """Return the plain schemas of which a value must fit one, references followed."""
    if isinstance(schema, bool):
        return [{}] if schema else []
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return _alternatives({**target, **{k: v for k, v in schema.items() if k != "$ref"}}, root)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            beside = {name: part for name, part in schema.items() if name != keyword}
            return [plain for each in schema[keyword] for plain in _alternatives({**beside, **each}, root)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": each} for each in schema["type"]]
    return [schema]


def _type_of(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    if "const" in schema or "enum" in schema:
        return "one of " + ", ".join(map(json.dumps, _allowed(schema) or ()))
    return "anything"


def _takes_type(writer: Schema, reader: Schema) -> bool:
    if "type" not in reader:
        return True
    if "type" not in writer:
        return False
    return bool(writer["type"] == reader["type"] or (writer["type"], reader["type"]) == ("integer", "number"))


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object" or "properties" in schema


def _allowed(schema: Schema) -> list[Any] | None:
    """Return the only values there may be, None when there are more than can be listed."""
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def _values(writer: Schema, reader: Schema, place: str) -> Iterator[Refusal]:
    known = _allowed(reader)
    if known is None:
        return
    written = _allowed(writer)
    expected = ", ".join(map(json.dumps, known))
    if written is None:
        yield Refusal(place, f"may be any {_type_of(writer)}, only {expected} are known there")
    elif unknown := [value for value in written if value not in known]:
        yield Refusal(place, f"may be {', '.join(map(json.dumps, unknown))}, only {expected} are known there")


def _bounds(writer: Schema, reader: Schema, place: str) -> Iterator[Refusal]:
    for keywords, sign in ((_LOWER_BOUNDS, 1), (_UPPER_BOUNDS, -1)):
        for keyword in keywords:
            if keyword not in reader:
                continue
            if keyword not in writer:
                yield Refusal(place, f"has no {keyword}, {reader[keyword]} is the {keyword} there")
            elif writer[keyword] * sign < reader[keyword] * sign:
                yield Refusal(place, f"has the {keyword} {writer[keyword]}, it is {reader[keyword]} there")


def _other_keywords(writer: Schema, reader: Schema, place: str) -> Iterator[Refusal]:
    """Demand equality of what is not understood: a pattern, a format, any keyword that is new to us."""
    judged = {*_JUDGED, *_ANNOTATIONS, *_LOWER_BOUNDS, *_UPPER_BOUNDS}
    for keyword, demand in reader.items():
        refers = "$ref" in json.dumps(demand)
        if keyword in judged or keyword.startswith(("x-", "$")):
            continue
        if writer.get(keyword) == demand and not refers:
            continue
        yield Refusal(place, f"need not fit the {keyword} {json.dumps(demand)}")


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
