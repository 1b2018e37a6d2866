"""CloudEvents 1.0 in Kafka's binary content mode: headers say what the event is, the value is its JSON.

Follows the CloudEvents Kafka protocol binding, section 3.2. Written by hand because the SDK costs ten times
as much per event; tests hold it to the SDK.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from shop_events import clock
from shop_events.context import Trace, current_trace
from shop_events.contracts.base import Event, Fact
from shop_events.errors import MalformedEvent
from shop_events.ids import new_event_id
from shop_events.spans import created

SPEC_VERSION = "1.0"
_CONTENT_TYPE = "application/json"
_LONGEST_ID = 200
_HIGHEST_SEQUENCE = 2**63 - 1
_OURS = "specversion id type source time sequence traceparent correlationid causationid"
_KNOWN_HEADERS = frozenset(("content-type", *(f"ce_{name}" for name in _OURS.split())))


@dataclass(slots=True)  # made for each record: a frozen one costs three times as much
class Message:
    """A record on its way to or from a topic (named without prefix). ``value`` None is a tombstone."""

    topic: str
    key: str
    headers: Mapping[str, str]
    value: bytes | None


@dataclass(slots=True)
class Envelope:
    """What is known of an event besides what happened."""

    id: str
    type: str
    source: str
    time: datetime
    sequence: int
    trace: Trace


class Received(NamedTuple):
    """An event as it came out of a topic."""

    envelope: Envelope
    event: Event


def envelope_for(fact: Fact, source: str, event_id: str | None = None) -> Envelope:
    """Wrap a fact that ``source`` (a service's name) states now, as part of the current trace."""
    event_id = event_id or new_event_id()
    return Envelope(
        id=event_id,
        type=fact.event.event_type,
        source=source,
        time=clock.now(),
        sequence=fact.sequence,
        trace=created(current_trace(), fact.event.topic, event_id),
    )


def encode(envelope: Envelope, event: Event) -> Message:
    """Return the record for an event."""
    headers = headers_for(envelope, with_value=not event.tombstone)
    value = None if event.tombstone else event.model_dump_json().encode()
    return Message(event.topic, event.key, headers, value)


def headers_for(envelope: Envelope, *, with_value: bool) -> dict[str, str]:
    """Return the headers that say what is in an envelope, and of what form the value is, if there is one."""
    headers = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": envelope.id,
        "ce_type": envelope.type,
        "ce_source": f"/shopstream/{envelope.source}",
        "ce_time": envelope.time.isoformat().replace("+00:00", "Z"),
        "ce_sequence": str(envelope.sequence),
        "ce_traceparent": envelope.trace.traceparent,
        "ce_correlationid": envelope.trace.correlation_id,
    }
    if envelope.trace.causation_id:
        headers["ce_causationid"] = envelope.trace.causation_id
    if with_value:
        headers["content-type"] = _CONTENT_TYPE
    return headers


def decode(message: Message) -> Received:
    """Read a record whose type this process knows.

    Raises:
        MalformedEvent: a header is missing or odd, or the value does not fit the contract.
    """
    headers = message.headers
    try:
        contract = Event.registry[headers["ce_type"]]
        envelope = _envelope(headers)
        event = _event(contract, message)
    except KeyError as error:
        raise MalformedEvent(f"unknown or missing: {error}") from None
    except ValidationError as error:
        raise MalformedEvent(_without_values(error)) from None
    except ValueError as error:
        raise MalformedEvent(f"a header is odd: {type(error).__name__}") from None
    if event.__dict__[contract.key_field] != message.key:
        raise MalformedEvent(f"the record key is not the event's {contract.key_field}")
    return Received(envelope, event)


def headers_of(pairs: Collection[tuple[str, bytes]]) -> dict[str, str]:
    """Return Kafka's header pairs as text; bytes that are no UTF-8 are replaced.

    So are zero bytes in names, with which MongoDB could not keep the record.
    """
    try:
        headers = {name: value.decode() for name, value in pairs}
    except (UnicodeDecodeError, AttributeError):
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in pairs}
    if not _KNOWN_HEADERS.issuperset(headers) and "\0" in "".join(headers):
        return {name.replace("\0", "\ufffd"): value for name, value in headers.items()}
    return headers


def _envelope(headers: Mapping[str, str]) -> Envelope:
    event_id, sequence = headers["ce_id"], int(headers["ce_sequence"])
    if headers["ce_specversion"] != SPEC_VERSION:
        raise ValueError("specversion")
    if not 0 < len(event_id) <= _LONGEST_ID or not 0 <= sequence <= _HIGHEST_SEQUENCE:
        raise ValueError("id or sequence")
    time = datetime.fromisoformat(headers["ce_time"])
    if time.tzinfo is None:
        raise ValueError("time")
    source = headers["ce_source"].rpartition("/")[2]
    return Envelope(event_id, headers["ce_type"], source, time, sequence, _trace(headers))


def _trace(headers: Mapping[str, str]) -> Trace:
    parent, correlation = headers.get("ce_traceparent"), headers.get("ce_correlationid")
    if not parent or not correlation:
        fresh = Trace.start(correlation)
        parent, correlation = parent or fresh.traceparent, fresh.correlation_id
    return Trace(parent, correlation, headers.get("ce_causationid"))


def _event(contract: type[Event], message: Message) -> Event:
    if contract.tombstone:
        return contract.model_validate({contract.key_field: message.key})
    if message.value is None:
        raise ValueError("value")
    return contract.__pydantic_validator__.validate_json(message.value)  # type: ignore[no-any-return]


def _without_values(error: ValidationError) -> str:
    problems: list[dict[str, Any]] = [dict(problem) for problem in error.errors(include_input=False)]
    places = (f"{'.'.join(map(str, p['loc'])) or 'value'}: {p['type']}" for p in problems[:5])
    return "; ".join(places)
