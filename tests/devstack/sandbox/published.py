"""The providers' published OpenAPI documents as JSON Schema validators, with their known faults mended."""

import functools
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).parents[4] / "shared" / "schemas" / "providers"

needs_schemas = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the providers' published schemas are not at ../shared/schemas/providers"
)


@functools.cache
def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = _mended(orjson.loads((FOLDER / name).read_bytes()))
    return loaded


@functools.cache
def validator(name: str, *pointer: str) -> Draft202012Validator:
    """Return a validator of the schema at a path of keys of a document."""
    tokens = "/".join(token.replace("~", "~0").replace("/", "~1") for token in pointer)
    return Draft202012Validator({"$ref": f"{name}#/{tokens}"}, registry=_registry(name))


@functools.cache
def _registry(name: str) -> Registry[Any]:
    resource = Resource.from_contents(document(name), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(name, resource)
    return registry


def mail_body() -> Draft202012Validator:
    return validator(
        "tsg_mail_v3.json",
        *("components", "requestBodies", "PostMailSend", "content", "application/json", "schema"),
    )


def _mended(node: Any) -> Any:
    """Read OpenAPI 3.0's `nullable` as JSON Schema, and `custom_args` as the object that it is."""
    if isinstance(node, list):
        return [_mended(each) for each in node]
    if not isinstance(node, dict):
        return node
    mended = {key: _mended(value) for key, value in node.items()}
    if mended.get("nullable") is True and isinstance(mended.get("type"), str):
        mended["type"] = [mended["type"], "null"]
    properties = mended.get("properties")
    if isinstance(properties, dict) and properties.get("custom_args", {}).get("type") == "string":
        properties["custom_args"] = {"type": "object"}
    return mended
