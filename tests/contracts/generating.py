"""Random JSON that fits a contract's schema: what a writer of that contract may write."""

import string
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

MOMENTS = st.datetimes(timezones=st.just(UTC))
_TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def values(schema: Schema, root: Schema | None = None) -> st.SearchStrategy[Any]:
    """Generate JSON that fits ``schema``; references lead into ``root`` (the schema itself by default)."""
    root = schema if root is None else root
    if "$ref" in schema:
        return values(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return st.one_of([values(each, root) for each in schema["anyOf"]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    return _BY_TYPE[schema["type"]](schema, root)


def _integers(schema: Schema, _: Schema) -> st.SearchStrategy[Any]:
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", -1001) + 1)
    highest = schema.get("maximum", 10**9)
    return st.sampled_from([lowest, highest]) | st.integers(lowest, highest)


def _strings(schema: Schema, _: Schema) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date-time":
        return MOMENTS.map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
    least, most = schema.get("minLength", 0), schema.get("maxLength", 12)
    if schema.get("pattern") == "^[A-Z]{3}$":
        return st.text(string.ascii_uppercase, min_size=3, max_size=3)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii"))
    long = st.text("ab", min_size=most, max_size=most)
    return long | st.text(_TEXT, min_size=least, max_size=most)


def _arrays(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(values(each, root) for each in schema["prefixItems"])).map(list)
    least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
    return st.lists(values(schema["items"], root), min_size=least, max_size=min(most, least + 3))


def _objects(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        inner = values(schema["additionalProperties"], root)
        return st.dictionaries(st.sampled_from("pqx"), inner, max_size=2)
    fields = {name: values(each, root) for name, each in schema["properties"].items()}
    required = {name: fields[name] for name in schema.get("required", ())}
    optional = {name: fields[name] for name in fields.keys() - required.keys()}
    return st.fixed_dictionaries(required, optional=optional)


_BY_TYPE: dict[str, Any] = {
    "integer": _integers,
    "number": lambda schema, root: st.floats(
        schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False, width=32
    ),
    "string": _strings,
    "boolean": lambda schema, root: st.booleans(),
    "null": lambda schema, root: st.none(),
    "array": _arrays,
    "object": _objects,
}
