"""The same effect by FastStream: a message at a time, validated by pydantic, without inbox or transaction."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

from faststream.kafka import KafkaBroker
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts.catalog import OrderPaid


async def drain(bootstrap: str, topic: str, db: AsyncDatabase[Any], count: int) -> float:
    """Handle ``count`` events of ``topic`` from its start; return how many a second."""
    broker = KafkaBroker(bootstrap, logger=None)
    done = asyncio.Event()
    started, left = 0.0, count

    @broker.subscriber(topic, group_id=f"faststream-{secrets.token_hex(3)}", auto_offset_reset="earliest")
    async def receipt(event: OrderPaid) -> None:
        nonlocal started, left
        started = started or time.perf_counter()
        await db["effects"].insert_one({"_id": event.order_id, "amount": event.total.amount})
        left -= 1
        if not left:
            done.set()

    async with broker:
        await broker.start()
        await done.wait()
        return count / (time.perf_counter() - started)
