"""What the three providers share on the wire: bounded bodies, JSON answers and how a refusal is answered."""

import time
from collections.abc import Mapping

import orjson
from fastapi import Request, Response


class ProviderError(Exception):
    """A refusal as the provider would word it; each provider has a subclass that knows its shape.

    Args:
        status: the HTTP status.
        body: the JSON document of the answer.
        headers: further response headers.
    """

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the answer that carries this refusal."""
        return json_response(self.body, self.status, self.headers)


def json_response(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON document, without FastAPI's slower walk over it."""
    return Response(orjson.dumps(document), status, headers, media_type="application/json")


async def read_body(request: Request, limit: int, too_large: ProviderError) -> bytes:
    """Read at most `limit` bytes.

    Raises:
        ProviderError: `too_large`, as soon as the body is known to be longer.
    """
    if int(request.headers.get("content-length", 0)) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def unix_ms() -> int:
    """Return the time of day in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
