"""Our records are CloudEvents 1.0 as the official SDK writes and reads them, for every contract."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import (
    KafkaMessage,
    from_binary,
    from_structured,
    to_binary,
    to_structured,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop_events.context import Trace
from shop_events.contracts import Event
from shop_events.contracts.catalog import ProductDeleted
from shop_events.contracts.session import SessionStarted
from shop_events.envelope import Envelope, Message, decode, encode, headers_of
from shop_events.errors import MalformedEvent
from shop_events.schemas import every_event, schema_of
from tests.contracts.generating import MOMENTS, values

EVENTS = every_event()
TELLING = [event for event in EVENTS if not event.tombstone]

hexadecimal = st.text("0123456789abcdef", min_size=16, max_size=16)
printable = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
traces = st.builds(
    lambda half, span, correlation, causation: Trace(f"00-{half * 2}-{span}-01", correlation, causation),
    hexadecimal,
    hexadecimal,
    printable,
    st.none() | printable,
)
envelopes = st.builds(
    Envelope,
    id=printable,
    type=st.just(""),
    source=st.sampled_from(["catalog", "identity", "session", "notifier", "analytics"]),
    time=MOMENTS,
    sequence=st.integers(0, 2**63 - 1),
    trace=traces,
)
each_contract = pytest.mark.parametrize("contract", TELLING, ids=lambda event: event.event_type)
examples = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def told(contract: type[Event], data: st.DataObject) -> tuple[Envelope, Event]:
    envelope = data.draw(envelopes)
    value = data.draw(values(schema_of(contract)))
    about = {name: getattr(envelope, name) for name in ("id", "source", "time", "sequence", "trace")}
    return Envelope(type=contract.event_type, **about), contract.model_validate(value)


def wire(headers: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in headers.items()}


@each_contract
@examples
@given(st.data())
def test_the_sdk_reads_what_we_write(contract: type[Event], data: st.DataObject) -> None:
    envelope, event = told(contract, data)
    message = encode(envelope, event)
    read = from_binary(KafkaMessage(wire(message.headers), message.key, message.value or b""), JSONFormat())
    assert read.get_specversion() == "1.0"
    assert (read.get_id(), read.get_type()) == (envelope.id, contract.event_type)
    assert read.get_source() == f"/shopstream/{envelope.source}"
    assert read.get_time() == envelope.time
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("sequence") == str(envelope.sequence)
    assert read.get_extension("traceparent") == envelope.trace.traceparent
    assert read.get_extension("correlationid") == envelope.trace.correlation_id
    assert read.get_extension("causationid") == envelope.trace.causation_id
    assert contract.model_validate(read.get_data()) == event


@each_contract
@examples
@given(st.data())
def test_we_read_what_the_sdk_writes(contract: type[Event], data: st.DataObject) -> None:
    envelope, event = told(contract, data)
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.id,
        "type": contract.event_type,
        "source": f"/shopstream/{envelope.source}",
        "time": envelope.time,
        "datacontenttype": "application/json",
        "sequence": str(envelope.sequence),
        "traceparent": envelope.trace.traceparent,
        "correlationid": envelope.trace.correlation_id,
        "somethingelse": "ignored",
    }
    if envelope.trace.causation_id:
        attributes["causationid"] = envelope.trace.causation_id
    cloud = CloudEvent(attributes, json.loads(event.model_dump_json()))
    written = to_binary(cloud, JSONFormat(), key_mapper=lambda _: event.key)
    headers = headers_of(written.headers.items())
    received = decode(Message(contract.topic, str(written.key), headers, written.value))
    assert received.event == event
    assert received.envelope == envelope


@pytest.mark.parametrize(
    "contract", [event for event in EVENTS if event.tombstone], ids=lambda e: e.event_type
)
@examples
@given(st.data(), printable)
def test_the_attributes_of_a_tombstone_are_a_cloudevent_s(
    contract: type[Event], data: st.DataObject, key: str
) -> None:
    envelope = Envelope(**{**_fields(data.draw(envelopes)), "type": contract.event_type})
    event = contract.model_validate({contract.key_field: key})
    message = encode(envelope, event)
    assert message.value is None
    attributes = {name[3:]: text for name, text in message.headers.items() if name.startswith("ce_")}
    attributes["time"] = datetime.fromisoformat(attributes["time"])  # type: ignore[assignment]
    assert CloudEvent(attributes).get_type() == contract.event_type, "the SDK checks names and values"
    assert decode(message).event == event


def _fields(envelope: Envelope) -> dict[str, Any]:
    return {name: getattr(envelope, name) for name in envelope.__dataclass_fields__}


def test_an_event_in_structured_mode_is_malformed_and_not_misread() -> None:
    """The binding lets a receiver support one mode; ours is the binary one."""
    event = SessionStarted(visitor_id="vis_1", at=datetime.now(UTC))
    attributes = {"id": "1", "type": event.event_type, "source": "/shopstream/session", "specversion": "1.0"}
    written = to_structured(CloudEvent(attributes, json.loads(event.model_dump_json())), JSONFormat())
    assert from_structured(written, JSONFormat()).get_id() == "1"
    with pytest.raises(MalformedEvent):
        decode(Message(event.topic, "vis_1", headers_of(written.headers.items()), written.value))


def test_names_of_attributes_are_what_the_specification_allows() -> None:
    """Lower-case letters and digits, at most 20 of them (CloudEvents 1.0, section 3.1)."""
    trace = Trace("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "c", "d")
    envelope = Envelope("1", "catalog.product.deleted.v1", "catalog", datetime.now(UTC), 1, trace)
    message = encode(envelope, ProductDeleted(product_id="prd_1"))
    names = [name.removeprefix("ce_") for name in message.headers if name.startswith("ce_")]
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in names)
