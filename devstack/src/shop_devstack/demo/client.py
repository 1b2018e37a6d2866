"""An HTTP client as patient as a shopper: waits when told to, and asks again when nobody answers."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from shop_devstack.demo.errors import NoAnswerError, UnexpectedAnswerError

_TRY_SECONDS = 30
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_LONGEST_RETRY_AFTER = 60.0
_TOO_MANY = 429
_JSON_LINES = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is the JSON document, None when there is none."""

    status: int
    body: Any
    etag: str | None = None
    retry_after: float | None = None
    session: str | None = field(default=None, repr=False)
    """A new session string, a secret."""

    @property
    def later(self) -> bool:
        """Say whether the same request may be answered better later."""
        return self.status == _TOO_MANY or self.status >= 500


class HttpClient:
    """Requests to one server. What is sent must be safe to be sent twice: it carries an idempotency key or
    a version, or changes nothing.

    Args:
        session: its connector bounds the connections.
        url: the server.
        patience: seconds after which a request that is not answered is given up.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, patience: float = 120) -> None:
        self._session = session
        self._url = url
        self._patience = patience
        self.retries: Counter[str] = Counter()

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200, 201, 204),
    ) -> Answer:
        """Send a request until it is answered; a `body` of bytes is JSON lines, as is an answer of several.

        Raises UnexpectedAnswerError when the status is not in `accept`, NoAnswerError when patience ends.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        pause = _FIRST_PAUSE
        while True:
            answer, reason = await self._once(method, path, body, headers or {})
            if answer and not answer.later:
                break
            wait = answer.retry_after if answer and answer.retry_after else pause * random.uniform(0.5, 1)  # noqa: S311
            if loop.time() + wait > deadline:
                raise NoAnswerError(f"{method} {path}", self._patience, reason)
            self.retries[reason] += 1
            await asyncio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if answer.status not in accept:
            raise UnexpectedAnswerError(f"{method} {path}", answer.status, answer.body)
        return answer

    async def _once(
        self, method: str, path: str, body: object, headers: Mapping[str, str]
    ) -> tuple[Answer | None, str]:
        sent = dict(headers)
        if body is not None:
            sent["Content-Type"] = _JSON_LINES if isinstance(body, bytes) else "application/json"
        timeout = aiohttp.ClientTimeout(total=_TRY_SECONDS)
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        try:
            async with self._session.request(
                method, self._url + path, data=data, headers=sent, timeout=timeout
            ) as response:
                text = await response.read()
                return _answer(response, text), str(response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, type(error).__name__


def _answer(response: aiohttp.ClientResponse, text: bytes) -> Answer:
    body: Any
    try:
        if response.content_type == _JSON_LINES:
            body = [orjson.loads(line) for line in text.splitlines()]
        else:
            body = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        body = text[:500].decode(errors="replace")
    told = response.headers.get("Retry-After", "")
    retry_after = min(float(told), _LONGEST_RETRY_AFTER) if told.isdecimal() else None
    return Answer(
        response.status, body, response.headers.get("ETag"), retry_after, response.headers.get("Session-Id")
    )
