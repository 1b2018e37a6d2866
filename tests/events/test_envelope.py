"""The envelope is CloudEvents 1.0 as the official SDK understands it."""

from datetime import UTC, datetime

import pytest
from cloudevents.v1.kafka import KafkaMessage, from_binary
from hypothesis import given
from hypothesis import strategies as st

from shop_events.context import Trace, use_trace
from shop_events.contracts import Fact, Money
from shop_events.contracts.catalog import OrderLine, OrderPaid, ProductDeleted
from shop_events.envelope import Message, decode, encode, envelope_for, headers_of
from shop_events.errors import MalformedEvent
from shop_events.outbox import LARGEST_VALUE, EventTooLarge, row_of

money = st.builds(
    Money, amount=st.integers(-(10**12), 10**12), currency=st.sampled_from(["GBP", "JPY", "KWD"])
)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
lines = st.builds(
    OrderLine, product_id=text, title=text, quantity=st.integers(1, 999), unit_price=money, line_total=money
)
events = st.builds(
    OrderPaid,
    order_id=st.text("abc_123", min_size=1, max_size=20),
    user_id=text,
    lines=st.lists(lines, max_size=3).map(tuple),
    total=money,
    paid_at=st.datetimes(timezones=st.just(UTC)),
)


def encoded(event: OrderPaid, sequence: int = 1) -> Message:
    return encode(envelope_for(Fact(event, sequence), "catalog"), event)


def an_order() -> OrderPaid:
    total = Money(amount=5, currency="GBP")
    return OrderPaid(order_id="ord_1", user_id="usr_1", lines=(), total=total, paid_at=datetime.now(UTC))


@given(events, st.integers(0, 2**53))
def test_an_event_survives_the_round_trip(event: OrderPaid, sequence: int) -> None:
    message = encoded(event, sequence)
    received = decode(Message(message.topic, message.key, headers_of(_pairs(message)), message.value))
    assert received.event == event
    assert received.envelope.sequence == sequence
    assert received.envelope.id == message.headers["ce_id"]


def _pairs(message: Message) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in message.headers.items()]


@given(events)
def test_the_official_sdk_reads_what_we_write(event: OrderPaid) -> None:
    message = encoded(event)
    assert message.value is not None
    read = from_binary(KafkaMessage(dict(_pairs(message)), message.key.encode(), message.value))
    assert read["specversion"] == "1.0"
    assert read["type"] == "catalog.order.paid.v1"
    assert read["source"] == "/shopstream/catalog"
    assert read["sequence"] == "1"
    assert read.data["order_id"] == event.order_id


def test_a_tombstone_is_read_back_from_its_key() -> None:
    event = ProductDeleted(product_id="prd_1")
    message = encode(envelope_for(Fact(event, 4), "catalog"), event)
    assert message.value is None
    assert decode(message).event == event


def test_unknown_fields_are_ignored_and_known_ones_checked() -> None:
    message = encoded(an_order())
    assert message.value is not None
    more = message.value.replace(b"{", b'{"added_later": 1, ', 1)
    assert decode(Message(message.topic, message.key, message.headers, more)).event.key == "ord_1"
    broken = message.value.replace(b'"total"', b'"tot"', 1)
    with pytest.raises(MalformedEvent, match="total: missing"):
        decode(Message(message.topic, message.key, message.headers, broken))


@given(
    st.sampled_from(["ce_id", "ce_type", "ce_source", "ce_time", "ce_sequence", "ce_specversion"]),
    st.none() | st.text(max_size=10),
)
def test_a_broken_header_is_malformed_and_nothing_worse(name: str, value: str | None) -> None:
    message = encoded(an_order())
    headers = {**message.headers, name: value or ""}
    if value is None:
        del headers[name]
    try:
        decode(Message(message.topic, message.key, headers, message.value))
    except MalformedEvent:
        return
    assert value or name == "ce_source"


def test_a_time_without_zone_is_malformed() -> None:
    message = encoded(an_order())
    headers = {**message.headers, "ce_time": "2026-01-01T00:00:00"}
    with pytest.raises(MalformedEvent):
        decode(Message(message.topic, message.key, headers, message.value))


@given(st.binary(max_size=200))
def test_any_bytes_as_value_are_malformed_and_their_text_is_not_quoted(value: bytes) -> None:
    message = encoded(an_order())
    with pytest.raises(MalformedEvent):
        decode(Message(message.topic, message.key, message.headers, value))


def test_a_record_under_another_key_is_malformed() -> None:
    message = encoded(an_order())
    with pytest.raises(MalformedEvent, match="order_id"):
        decode(Message(message.topic, "ord_2", message.headers, message.value))


def test_the_current_trace_travels_with_the_event() -> None:
    trace = Trace("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "corr", "cause")
    with use_trace(trace):
        assert decode(encoded(an_order())).envelope.trace == trace


def test_a_value_that_no_broker_would_take_is_refused_before_the_commit() -> None:
    with pytest.raises(EventTooLarge):
        row_of(Message("catalog.orders.v1", "k", {}, b"x" * (LARGEST_VALUE + 1)))
