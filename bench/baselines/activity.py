"""Activity without anything around it: the batch becomes records, all of them acknowledged before the answer.

It validates nothing, knows no sessions, no consent and no duplicates. Events, headers and the producer's
settings are those of the session service.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.baselines.bare import answer, body_of
from shop_events.contracts.session import ACTIVITY, PageEngaged, PageViewed

_TYPES = {"page_viewed": PageViewed.event_type, "page_engaged": PageEngaged.event_type}
_TRACE = uuid.uuid4().hex


async def application() -> ASGIApp:
    """Return the application, connected."""
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=1 << 18,
    )
    await producer.start()
    topic = os.environ["TOPIC_PREFIX"] + ACTIVITY

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await answer(send, b"{}")
            return
        body = orjson.loads(await body_of(receive))
        visitor = dict(scope["headers"])[b"session-id"].decode()
        sent = [await _send(producer, topic, visitor, told) for told in body["events"]]
        await asyncio.gather(*sent)
        results = [{"id": told["id"], "status": "accepted", "reason": None} for told in body["events"]]
        await answer(send, orjson.dumps({"results": results}), 202)

    return serve


async def _send(producer: AIOKafkaProducer, topic: str, visitor: str, told: dict[str, Any]) -> Any:
    event = {"visitor_id": visitor, "user_id": None, **told}
    del event["id"], event["type"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": told["id"],
        "ce_type": _TYPES[told["type"]],
        "ce_source": "/shopstream/session",
        "ce_time": datetime.now(UTC).isoformat(),
        "ce_sequence": "0",
        "ce_traceparent": f"00-{_TRACE}-{_TRACE[:16]}-01",
        "ce_correlationid": _TRACE,
        "content-type": "application/json",
    }
    pairs = [(name, value.encode()) for name, value in headers.items()]
    return await producer.send(topic, orjson.dumps(event), visitor.encode(), headers=pairs)
