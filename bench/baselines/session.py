"""Carts over HTTP without anything around the driver."""

from __future__ import annotations

import os

import orjson
from pymongo import AsyncMongoClient
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.baselines import cart
from bench.baselines.bare import answer, body_of
from bench.ground import Document


async def application() -> ASGIApp:
    """Return the application; GET reads, PATCH changes, ``Session-Id`` says whose cart."""
    client = AsyncMongoClient[Document](os.environ["MONGODB_URL"], w="majority", tz_aware=True)
    db = client[cart.DATABASE]

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        string = dict(scope["headers"]).get(b"session-id")
        if string is None:
            await answer(send, b"{}")
            return
        if scope["method"] == "GET":
            shown = await cart.read(db, string.decode())
        else:
            quantities = orjson.loads(await body_of(receive))["lines"].values()
            shown = await cart.write(client, db, string.decode(), next(iter(quantities)))
        await answer(send, cart.view(shown))

    return serve
