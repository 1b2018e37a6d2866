"""What the gate calls compatible indeed decodes: random contracts, randomly changed, with random records."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, create_model

from shop_events.compatibility import losses, refusals
from tests.contracts.generating import values

Kind = tuple[list[Any], Any, Callable[[Any], Any]]
"""Similar types, which of them, and what is made of it."""
Spec = tuple[bool, dict[str, tuple[Kind, bool]]]
"""Whether unknown fields are refused, and each field's type with whether it is required."""


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int
    b: str = "b"


class InnerWithMore(BaseModel):
    model_config = ConfigDict(extra="ignore")
    a: int
    b: str = "b"
    c: bool = False


class InnerStrict(BaseModel):
    a: int
    b: str


FAMILIES: list[list[Any]] = [
    [
        int,
        Annotated[int, Field(ge=0)],
        Annotated[int, Field(ge=0, le=100)],
        Annotated[int, Field(gt=0)],
        float,
    ],
    [
        str,
        Annotated[str, Field(max_length=3)],
        Annotated[str, Field(min_length=1, max_length=8)],
        Annotated[str, Field(pattern="^[a-c]*$")],
    ],
    [Literal["a", "b"], Literal["a", "b", "c"], Literal["a"], str],
    [Inner, InnerWithMore, InnerStrict],
    [bool, int],
]
WRAPPINGS: list[Callable[[Any], Any]] = [
    lambda plain: plain,
    lambda plain: plain | None,
    lambda plain: plain | bool,
    lambda plain: list[plain],
    lambda plain: tuple[plain, ...],
    lambda plain: dict[str, plain],
    lambda plain: Annotated[list[plain], Field(max_length=2)],
    lambda plain: tuple[plain, int],
]
KINDS = st.sampled_from(FAMILIES).flatmap(
    lambda family: st.tuples(st.just(family), st.sampled_from(family), st.sampled_from(WRAPPINGS))
)
FIELDS = st.tuples(KINDS, st.booleans())
SPECS: st.SearchStrategy[Spec] = st.tuples(
    st.booleans(), st.dictionaries(st.sampled_from("pqrs"), FIELDS, min_size=1, max_size=3)
)


@st.composite
def changed(draw: st.DrawFn, spec: Spec) -> Spec:
    """Change something about a spec as a developer would: mostly to something similar."""
    closed, fields = spec[0], dict(spec[1])
    name = draw(st.sampled_from(sorted(fields)))
    (family, kind, wrapping), required = fields[name]
    match draw(
        st.sampled_from(["similar", "similar", "similar", "wrapped", "optional", "drop", "add", "close"])
    ):
        case "similar":
            fields[name] = (family, draw(st.sampled_from(family)), wrapping), required
        case "wrapped":
            fields[name] = (family, kind, draw(st.sampled_from(WRAPPINGS))), required
        case "optional":
            fields[name] = (family, kind, wrapping), not required
        case "drop":
            del fields[name]
        case "add":
            fields["t"] = draw(FIELDS)
        case "close":
            closed = not closed
    return closed, fields


def model_of(spec: Spec) -> type[BaseModel]:
    closed, fields = spec
    columns: dict[str, Any] = {
        name: (wrap(kind), ...) if required else (wrap(kind) | None, None)
        for name, ((_, kind, wrap), required) in fields.items()
    }
    return create_model("Contract", __config__=ConfigDict(extra="forbid" if closed else "ignore"), **columns)


@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much], deadline=None)
@given(st.data())
def test_what_is_called_compatible_decodes(data: st.DataObject) -> None:
    before = data.draw(SPECS)
    after = data.draw(changed(before))
    writer, reader = (model_of(spec) for spec in data.draw(st.permutations([before, after])))
    written = writer.model_json_schema()
    found = refusals(written, reader.model_json_schema())
    event("refused" if found else "compatible")
    assume(not found)
    judge = Draft202012Validator(reader.model_json_schema())
    for value in data.draw(st.lists(values(written), min_size=8, max_size=12)):
        reader.model_validate_json(json.dumps(value))
        judge.validate(value)


@settings(max_examples=100, deadline=None)
@given(SPECS)
def test_a_contract_reads_what_it_writes(spec: Spec) -> None:
    schema = model_of(spec).model_json_schema()
    assert refusals(schema, schema) == []
    assert losses(schema, schema) == []


@settings(max_examples=60, deadline=None)
@given(SPECS, FIELDS)
def test_a_new_optional_field_of_an_open_contract_is_compatible_both_ways(spec: Spec, added: Any) -> None:
    _, fields = spec
    before = model_of((False, fields)).model_json_schema()
    after = model_of((False, {**fields, "new": (added[0], False)})).model_json_schema()
    assert refusals(before, after) == refusals(after, before) == []
    assert losses(after, before) == []


def test_a_fault_in_a_shared_definition_is_found_wherever_it_matters() -> None:
    """One of two places that use a definition may be forgiven by an alternative; the other is not."""
    inner = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    narrow = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 1}}, "required": ["a"]}
    ref = {"$ref": "#/$defs/I"}
    writer = {"type": "object", "properties": {"p": ref, "q": ref}, "$defs": {"I": inner}}
    lenient = {"anyOf": [ref, {"type": "object"}]}
    reader = {"type": "object", "properties": {"p": lenient, "q": ref}, "$defs": {"I": narrow}}
    assert [found.place for found in refusals(writer, reader)] == ["q.a"]


def test_a_recursive_definition_is_compared_once_around() -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}}}
    schema = {"$ref": "#/$defs/N", "$defs": {"N": node}}
    assert refusals(schema, schema) == []


@pytest.mark.parametrize("keyword", ["not", "patternProperties", "propertyNames"])
def test_what_is_not_understood_must_be_the_same_on_both_sides(keyword: str) -> None:
    reader = {"type": "object", keyword: {"pattern": "x"}}
    assert refusals({"type": "object"}, reader)
    assert not refusals(reader, reader)
