"""Identifiers: sortable ones for new things (UUIDv7), derived ones for conclusions (UUIDv5)."""

from __future__ import annotations

from datetime import UTC, datetime

import uuid_utils

_NAMESPACE = uuid_utils.UUID("6f1c1a52-7c3e-5b0e-9d3e-2f6a6d1f0c11")


def new_event_id() -> str:
    """Return a UUIDv7 (RFC 9562, section 5.7) as its 36-character text."""
    return str(uuid_utils.uuid7())


def new_id(prefix: str) -> str:
    """Return a typed, time-ordered id such as ``ord_0198c7…``: a prefix and 32 hex digits of a UUIDv7."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def time_of(event_id: str) -> datetime:
    """Return when a UUIDv7 was made (RFC 9562, section 5.7: its first 48 bits are milliseconds)."""
    return datetime.fromtimestamp(int(event_id[:8] + event_id[9:13], 16) / 1000, UTC)


def derived_id(*parts: str) -> str:
    """Return the UUIDv5 of a rule and its sources: deriving it again is no new event."""
    return str(uuid_utils.uuid5(_NAMESPACE, "\x1f".join(parts)))
