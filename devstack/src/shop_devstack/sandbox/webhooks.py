"""What the providers tell their customers: pending webhooks in the store, and the sender that delivers them.

A webhook is committed together with what it tells of, and deleted once it was answered with 2xx; until then
it is tried again with growing delay. So each is heard at least once, not necessarily in order.
"""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Protocol
from urllib.parse import urlencode

import aiohttp
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from shop_devstack.sandbox.signatures import payment_signature, sendgrid_signature, twilio_signature
from shop_devstack.sandbox.store import Statement, Store
from shop_devstack.sandbox.wire import unix_ms

BATCH = 200
_AT_ONCE = 16
_TIMEOUT_S = 5
_FIRST_DELAY_MS, _LONGEST_DELAY_MS = 200, 30_000
_IDLE_S = 1.0
_JSON = "application/json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Something to post: a JSON document, or the form fields of a Twilio callback."""

    url: str
    due_at: int
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request that delivers one or more pending webhooks."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    delivers: Sequence[sqlite3.Row]


class Format(Protocol):
    """How a provider turns pending webhooks into signed requests."""

    def calls(self, due: Sequence[sqlite3.Row]) -> Iterable[Call]:
        """Return the requests that deliver the rows (`id, url, tries, payload`), in their order."""


class MailEvents:
    """SendGrid: JSON arrays of events, signed over timestamp and body."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    def calls(self, due: Sequence[sqlite3.Row]) -> Iterable[Call]:
        """Return one request for all events of an address."""
        by_url = itemgetter("url")
        for url, rows in groupby(sorted(due, key=by_url), key=by_url):
            events = list(rows)
            body = b"[" + b",".join(row["payload"].encode() for row in events) + b"]"
            timestamp = str(int(time.time()))
            headers = {
                "Content-Type": _JSON,
                "X-Twilio-Email-Event-Webhook-Signature": sendgrid_signature(self._key, timestamp, body),
                "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            }
            yield Call(url, body, headers, events)


class StatusCallbacks:
    """Twilio: a form for each status, signed over the URL and the fields."""

    def __init__(self, auth_token: str) -> None:
        self._auth_token = auth_token

    def calls(self, due: Sequence[sqlite3.Row]) -> Iterable[Call]:
        """Return one request for each status."""
        for row in due:
            fields: dict[str, str] = orjson.loads(row["payload"])
            headers = {
                "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
                "X-Twilio-Signature": twilio_signature(self._auth_token, row["url"], fields),
            }
            yield Call(row["url"], urlencode(fields).encode(), headers, [row])


class PaymentEvents:
    """Payments: one JSON event a request, with a timestamped HMAC."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def calls(self, due: Sequence[sqlite3.Row]) -> Iterable[Call]:
        """Return one request for each event."""
        for row in due:
            body = row["payload"].encode()
            signature = payment_signature(self._secret, int(time.time()), body)
            yield Call(row["url"], body, {"Content-Type": _JSON, "Payment-Signature": signature}, [row])


def pending(provider: str, webhooks: Iterable[Webhook]) -> Statement:
    """Return the statement that keeps webhooks until they are delivered; run it with what they tell of."""
    return Statement(
        "INSERT INTO webhooks (provider, url, due_at, payload) VALUES (?, ?, ?, ?)",
        [(provider, hook.url, hook.due_at, orjson.dumps(hook.payload).decode()) for hook in webhooks],
    )


class WebhookSender:
    """Delivers what is pending: one loop a provider, at most `BATCH` webhooks of it in memory.

    Args:
        store: where webhooks wait.
        formats: by provider, how it posts.
    """

    def __init__(self, store: Store, formats: Mapping[str, Format]) -> None:
        self._store = store
        self._formats = formats
        self._news = {provider: asyncio.Event() for provider in formats}
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin with what an earlier process left pending."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_AT_ONCE * len(self._formats)),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
        )
        self._loops = [asyncio.create_task(self._deliver_forever(name)) for name in self._formats]

    async def stop(self) -> None:
        """Stop at once; what is not delivered stays pending."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._session.close()

    def wake(self, provider: str) -> None:
        """Say that webhooks of a provider may have been committed."""
        if provider in self._news:
            self._news[provider].set()

    async def backlog(self) -> dict[str, int]:
        """Return how many webhooks wait, by provider."""
        found = await self._store.rows("SELECT provider, count(*) AS n FROM webhooks GROUP BY provider")
        return dict.fromkeys(self._formats, 0) | {row["provider"]: row["n"] for row in found}

    async def _deliver_forever(self, provider: str) -> None:
        while True:
            try:
                await self._deliver_due(provider)
            except Exception:  # one that cannot be delivered must not silence the others for good
                log.exception("webhooks of %s are not delivered", provider)
                await asyncio.sleep(_IDLE_S)

    async def _deliver_due(self, provider: str) -> None:
        self._news[provider].clear()
        due = await self._store.rows(
            "SELECT id, url, tries, payload FROM webhooks WHERE provider = ? AND due_at <= ?"
            " ORDER BY due_at, id LIMIT ?",
            provider,
            unix_ms(),
            BATCH,
        )
        if due:
            await self._deliver(self._formats[provider].calls(due))
        else:
            await self._rest(provider)

    async def _rest(self, provider: str) -> None:
        """Wait for the next webhook to fall due, or for a new one."""
        found = await self._store.rows(
            "SELECT min(due_at) AS next FROM webhooks WHERE provider = ?", provider
        )
        following = found[0]["next"]
        seconds = _IDLE_S if following is None else max(0.0, min(_IDLE_S, (following - unix_ms()) / 1000))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news[provider].wait(), seconds)

    async def _deliver(self, calls: Iterable[Call]) -> None:
        turnstile = asyncio.Semaphore(_AT_ONCE)

        async def one(call: Call) -> bool:
            async with turnstile:
                return await self._post(call)

        made = list(calls)
        answers = await asyncio.gather(*(one(call) for call in made))
        heard = [row for call, ok in zip(made, answers, strict=True) if ok for row in call.delivers]
        unheard = [row for call, ok in zip(made, answers, strict=True) if not ok for row in call.delivers]
        if unheard:
            log.warning("%d webhooks were not heard, first to %s", len(unheard), unheard[0]["url"])
        await self._settle(heard, unheard)

    async def _post(self, call: Call) -> bool:
        try:
            # The signature covers the URL as it was given, so it must not be written anew.
            async with self._session.post(
                URL(call.url, encoded=True), data=call.body, headers=call.headers, allow_redirects=False
            ) as answer:
                log.debug("webhook to %s was answered %d", call.url, answer.status)
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.debug("webhook to %s failed: %r", call.url, error)
            return False

    async def _settle(self, heard: Sequence[sqlite3.Row], unheard: Sequence[sqlite3.Row]) -> None:
        now = unix_ms()
        await self._store.write(
            Statement("DELETE FROM webhooks WHERE id = ?", [(row["id"],) for row in heard]),
            Statement(
                "UPDATE webhooks SET tries = tries + 1, due_at = ? WHERE id = ?",
                [(now + retry_delay_ms(row["tries"]), row["id"]) for row in unheard],
            ),
        )


def retry_delay_ms(tries: int) -> int:
    """Return how long to wait after a number of earlier tries: doubling from 0.2 s up to 30 s."""
    return min(_LONGEST_DELAY_MS, _FIRST_DELAY_MS << min(tries, 16))
