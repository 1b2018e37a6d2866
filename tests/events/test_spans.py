"""One request becomes one trace: through outbox, relay and topic into every handler that it reaches."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from shop_chassis.middleware import Observed
from shop_chassis.settings import ServiceSettings
from shop_chassis.span_recorder import span_recorder
from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid, ProductChanged
from shop_events.handlers import Subscriptions, on
from shop_events.spans import record_with
from shop_events.testing import Kit
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import GROUP, System, eventually, paid, product, running

CLIENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


class Spans:
    """What was recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()

    def recorded(self, share: float = 1.0) -> TracerProvider:
        """Return a recorder of a service's process, into this memory."""
        settings = ServiceSettings(
            service_name="tested", http_port=0, mongodb_database="x", otel_traces_sampler_arg=share
        )
        provider = span_recorder(settings)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        return provider

    def named(self, name: str) -> list[ReadableSpan]:
        """Return the spans of that name, in the order in which they ended."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    @property
    def names(self) -> list[str]:
        return sorted(span.name for span in self._exporter.get_finished_spans())

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self._exporter.get_finished_spans())


@pytest.fixture
async def spans() -> AsyncIterator[Spans]:
    found = Spans()
    record_with(found.recorded())
    yield found
    record_with(None)


@on(OrderPaid, effect="receipt:{order_id}")
async def derive(uow: UnitOfWork, event: OrderPaid) -> None:
    uow.publish([Fact(product(f"prd_{event.order_id}"), 1)])


@on(ProductChanged, effect="seen:{product_id}")
async def seen(uow: UnitOfWork, event: ProductChanged) -> None:
    await uow.db["seen"].insert_one({"_id": event.product_id}, session=uow.session)


def api(system: System, *order_ids: str) -> httpx.AsyncClient:
    """Return a client of an application that publishes orders with each request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = type("Route", (), {"path": "/v1/orders/{order_id}"})
        await system.publish(*(Fact(paid(order_id), 1) for order_id in order_ids))
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return httpx.AsyncClient(transport=httpx.ASGITransport(Observed(app)), base_url="http://test")


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    assert span.context
    return f"{span.context.span_id:016x}"


async def test_one_request_is_one_trace_from_the_client_to_the_last_handler(
    system: System, spans: Spans
) -> None:
    async with running(system.relay(), system.consumer(derive, seen)), api(system, "ord_1") as client:
        await client.post("/v1/orders/usr_7", headers={"traceparent": CLIENT, "x-correlation-id": "c-1"})
        await eventually(lambda: len(spans.named("send")) == 2 and spans.named("process catalog.products.v1"))
    assert spans.names == [
        "POST /v1/orders/{order_id}",
        "create catalog.orders.v1",
        "create catalog.products.v1",
        "process catalog.orders.v1",
        "process catalog.products.v1",
        "send",
        "send",
    ]
    assert {span.context.trace_id for span in spans if span.context} == {int("a" * 32, 16)}
    [request], [order], [product_] = (
        spans.named(name)
        for name in ("POST /v1/orders/{order_id}", "create catalog.orders.v1", "create catalog.products.v1")
    )
    [handled], [handled_next] = (spans.named(f"process catalog.{name}.v1") for name in ("orders", "products"))
    assert parent_of(request) == "b" * 16
    assert parent_of(order) == id_of(request)
    assert parent_of(handled) == id_of(order)
    assert parent_of(product_) == id_of(handled)
    assert parent_of(handled_next) == id_of(product_)
    assert {parent_of(span) for span in spans.named("send")} == {id_of(order), id_of(product_)}
    kinds = {span.name.split()[0]: span.kind for span in spans}
    assert kinds == {
        "POST": SpanKind.SERVER,
        "create": SpanKind.PRODUCER,
        "send": SpanKind.CLIENT,
        "process": SpanKind.CONSUMER,
    }
    [record] = await system.read("catalog.orders.v1")
    assert dict(record.headers)["ce_traceparent"].decode() == f"00-{'a' * 32}-{id_of(order)}-01"
    assert dict(record.headers)["ce_correlationid"] == b"c-1"


async def test_attributes_say_what_and_where_and_nothing_of_anybody(system: System, spans: Spans) -> None:
    async with running(system.relay(), system.consumer(seen, derive)), api(system, "ord_secret") as client:
        await client.post("/v1/orders/usr_secret?name=secret", headers={"x-correlation-id": "secret"})
        await eventually(lambda: spans.named("process catalog.products.v1"))
    [handled], [request] = spans.named("process catalog.orders.v1"), spans.named("POST /v1/orders/{order_id}")
    [record] = await system.read("catalog.orders.v1")
    assert dict(handled.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "catalog.orders.v1",
        "messaging.message.id": dict(record.headers)["ce_id"].decode(),
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.consumer.group.name": GROUP,
    }
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/v1/orders/{order_id}",
        "http.response.status_code": 201,
    }
    assert not [span for span in spans if "secret" in span.to_json()]


async def test_records_that_are_sent_together_are_linked_to_one_span(system: System, spans: Spans) -> None:
    async with api(system, "ord_1", "ord_2", "ord_3") as client:
        await client.post("/v1/orders")
    async with running(system.relay()):
        [sent] = await eventually(lambda: spans.named("send"))
    first, *others = spans.named("create catalog.orders.v1")
    assert parent_of(sent) == id_of(first)
    assert [f"{link.context.span_id:016x}" for link in sent.links] == [id_of(span) for span in others]
    assert (sent.attributes or {})["messaging.batch.message_count"] == 3


async def test_a_handler_that_fails_is_a_failed_span_that_does_not_quote_it(spans: Spans) -> None:
    @on(OrderPaid, effect="receipt:{order_id}")
    async def fails(uow: UnitOfWork, event: OrderPaid) -> None:
        raise RuntimeError(f"no mailbox for {event.user_id}")

    await Kit(Subscriptions(GROUP, [fails])).tell(paid("ord_1", "usr_secret"))
    handled = spans.named("process catalog.orders.v1")[0]
    assert handled.status.status_code is StatusCode.ERROR
    assert (handled.attributes or {})["error.type"] == "RuntimeError"
    assert "usr_secret" not in handled.to_json()


async def test_no_flag_of_a_client_makes_us_record_more_than_the_share(system: System, spans: Spans) -> None:
    record_with(spans.recorded(share=0.0))
    async with api(system, "ord_1") as client:
        await client.post("/v1/orders", headers={"traceparent": CLIENT})
    assert spans.names == []
    [row] = await system.db["outbox"].find().to_list()
    assert row["headers"]["ce_traceparent"].endswith("-00")


async def test_without_a_recorder_the_trace_travels_as_before(system: System) -> None:
    async with running(system.relay(), system.consumer(derive)), api(system, "ord_1") as client:
        await client.post("/v1/orders", headers={"traceparent": CLIENT})
        [record] = await eventually(lambda: system.read("catalog.products.v1"))
    assert dict(record.headers)["ce_traceparent"].decode().startswith(f"00-{'a' * 32}-")
