"""A ready answer of a given size: what HTTP alone costs."""

from __future__ import annotations

import os

from starlette.types import ASGIApp, Receive, Scope, Send

from bench.baselines.bare import answer


async def application() -> ASGIApp:
    """Return the application; its answer has ``ANSWER_BYTES`` bytes."""
    ready = b'{"items":"%s"}' % (b"x" * (int(os.environ["ANSWER_BYTES"]) - 12))

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, ready)

    return serve
