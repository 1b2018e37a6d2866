"""What may be shown of a record: values of closed topics are masked, whatever they are."""

from __future__ import annotations

import json
import re
from typing import Any

from shop_events.topics import TOPICS, Sensitivity

MASK = "•••"
_FIELD = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


def shown(value: bytes | None, topic: str, *, reveal: bool) -> Any:
    """Return a record's value as JSON, or as text where it is none, masked as the topic demands.

    Args:
        value: the record's value.
        topic: where it was first published (without prefix); one that is unknown counts as personal.
        reveal: show personal data. What is secret is never shown.
    """
    data = _parsed(value)
    sensitivity = TOPICS[topic].sensitivity if topic in TOPICS else Sensitivity.PERSONAL
    if sensitivity is Sensitivity.OPEN or (reveal and sensitivity is Sensitivity.PERSONAL):
        return data
    return masked(data)


def masked(data: Any) -> Any:
    """Return the shape of ``data`` without its values; a name that is no field's name is a value too."""
    if isinstance(data, dict):
        return {name if _FIELD.match(name) else MASK: masked(value) for name, value in data.items()}
    if isinstance(data, list):
        return [masked(each) for each in data]
    return data if data is None or isinstance(data, bool) else MASK


def _parsed(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value.decode("utf-8", "replace")
