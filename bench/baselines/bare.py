"""Answers of bare ASGI applications."""

from __future__ import annotations

from starlette.types import Receive, Send


async def body_of(receive: Receive) -> bytes:
    """Return the whole body."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    """Answer with JSON."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
