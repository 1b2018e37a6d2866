"""The one place that knows how this system connects to MongoDB."""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient

from shop_chassis.settings import ServiceSettings

Document = dict[str, Any]


def connect(settings: ServiceSettings) -> AsyncMongoClient[Document]:
    """Return a client; it connects on first use. A majority acknowledges writes, waiting is bounded."""
    return AsyncMongoClient(
        settings.mongodb_url.get_secret_value(),
        appname=f"shop-{settings.service_name}",
        maxPoolSize=settings.mongodb_pool_size,
        waitQueueTimeoutMS=5_000,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=30_000,
        w="majority",
        retryWrites=True,
        retryReads=True,
        tz_aware=True,
        uuidRepresentation="standard",
    )


async def answers(client: AsyncMongoClient[Document]) -> bool:
    """Say whether MongoDB answers; raises what the driver raises when it does not."""
    await client.admin.command("ping")
    return True
