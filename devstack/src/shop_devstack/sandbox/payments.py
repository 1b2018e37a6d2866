"""The card payment provider's API: kept cards, payment intents and what follows them, refunds, events.

It has the shape of Stripe's, with JSON bodies; the rules are in `intents`.
"""

import asyncio
import hashlib
import hmac
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple
from weakref import WeakValueDictionary

import orjson
from fastapi import APIRouter, Query, Request, Response

from shop_devstack.sandbox import intents
from shop_devstack.sandbox.faults import until_gone
from shop_devstack.sandbox.intents import Outcome, PaymentError, invalid, parse, plain_error
from shop_devstack.sandbox.store import Statement, Store
from shop_devstack.sandbox.webhooks import Webhook, WebhookSender, pending
from shop_devstack.sandbox.wire import json_response, read_body, unix_ms

PROVIDER = "payments"

_MAX_BODY = 64 * 1024
_MAX_KEY = 255
_FILTERS = frozenset(("metadata[attempt_id]", "metadata[order_id]", "limit"))

Act = Callable[[], Awaitable[Outcome]]


class Reply(NamedTuple):
    """An answer, and whether it is given at all."""

    response: Response
    answered: bool = True


class Payments:
    """Accepts charges.

    Args:
        store: where intents, refunds, idempotency keys and events are kept.
        api_key: the bearer key.
        webhook_url: where events go; empty: nowhere.
    """

    def __init__(self, store: Store, sender: WebhookSender, api_key: str, webhook_url: str) -> None:
        self._store = store
        self._sender = sender
        self._authorization = f"Bearer {api_key}".encode()
        self._webhook_url = webhook_url
        self._moving = asyncio.Lock()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self) -> APIRouter:
        """Return the API's routes."""
        router = APIRouter(prefix="/v1", tags=[PROVIDER])
        router.add_api_route("/payment_methods", self.keep, methods=["POST"])
        router.add_api_route("/payment_intents", self.create, methods=["POST"])
        router.add_api_route("/payment_intents", self.find, methods=["GET"])
        router.add_api_route("/payment_intents/{intent_id}", self.show, methods=["GET"])
        router.add_api_route("/payment_intents/{intent_id}/capture", self.capture, methods=["POST"])
        router.add_api_route("/payment_intents/{intent_id}/cancel", self.cancel, methods=["POST"])
        router.add_api_route("/refunds", self.refund, methods=["POST"])
        router.add_api_route("/refunds", self.refunds, methods=["GET"])
        return router

    async def keep(self, request: Request) -> Response:
        """Take a card in and give a token for it."""
        return json_response(intents.keep(parse(intents.NewPaymentMethod, await self._read(request))))

    async def create(self, request: Request) -> Response:
        """Charge a card, or authorise it; a declined card is answered 402 `card_declined`."""
        raw = await self._read(request)

        async def act() -> Outcome:
            return intents.charge(parse(intents.NewIntent, raw))

        reply = await self._once(request, raw, act)
        if not reply.answered:
            await until_gone(request.receive)
        return reply.response

    async def find(
        self,
        request: Request,
        attempt_id: Annotated[str | None, Query(alias="metadata[attempt_id]")] = None,
        order_id: Annotated[str | None, Query(alias="metadata[order_id]")] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> Response:
        """List intents by their metadata, newest first."""
        self._admit(request)
        if unknown := sorted(set(request.query_params) - _FILTERS):
            raise invalid("parameter_unknown", f"Received unknown parameter: {unknown[0]}")
        found = await self._store.rows(
            "SELECT document FROM payment_intents WHERE (?1 IS NULL OR attempt_id = ?1)"
            " AND (?2 IS NULL OR order_id = ?2) ORDER BY created_at DESC, rowid DESC LIMIT ?3",
            attempt_id,
            order_id,
            limit + 1,
        )
        data = [orjson.loads(row["document"]) for row in found]
        listed = {"object": "list", "url": "/v1/payment_intents", "has_more": len(data) > limit}
        return json_response(listed | {"data": data[:limit]})

    async def show(self, intent_id: str, request: Request) -> Response:
        """Return an intent."""
        self._admit(request)
        return json_response(await self._intent(intent_id))

    async def capture(self, intent_id: str, request: Request) -> Response:
        """Take an authorised amount, all or part of it."""
        raw = await self._read(request)

        async def act() -> Outcome:
            return intents.capture(await self._intent(intent_id), parse(intents.Capture, raw))

        return await self._move(request, raw, act)

    async def cancel(self, intent_id: str, request: Request) -> Response:
        """Give up an intent that was not captured."""
        raw = await self._read(request)

        async def act() -> Outcome:
            return intents.cancel(await self._intent(intent_id), parse(intents.Cancellation, raw))

        return await self._move(request, raw, act)

    async def refund(self, request: Request) -> Response:
        """Give back all or part of a charge."""
        raw = await self._read(request)

        async def act() -> Outcome:
            asked = parse(intents.NewRefund, raw)
            return intents.refund(await self._intent(asked.payment_intent), asked)

        return await self._move(request, raw, act)

    async def refunds(
        self,
        request: Request,
        payment_intent: Annotated[str, Query()],
        limit: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> Response:
        """List the refunds of an intent, newest first."""
        self._admit(request)
        found = await self._store.rows(
            "SELECT document FROM refunds WHERE payment_intent = ? ORDER BY rowid DESC LIMIT ?",
            payment_intent,
            limit + 1,
        )
        data = [orjson.loads(row["document"]) for row in found]
        listed = {"object": "list", "url": "/v1/refunds", "has_more": len(data) > limit}
        return json_response(listed | {"data": data[:limit]})

    async def _move(self, request: Request, raw: bytes, act: Act) -> Response:
        """Change an intent; one at a time, so that two refunds cannot both take what is left."""
        async with self._moving:
            return (await self._once(request, raw, act)).response

    async def _once(self, request: Request, raw: bytes, act: Act) -> Reply:
        """Do what is asked, or answer as before when its idempotency key was used already.

        A refusal (400, 404, 500) is not kept: the same key may be used for the corrected request.
        """
        key = request.headers.get("idempotency-key", "")
        if not key:
            return await self._do(act)
        if len(key) > _MAX_KEY:
            raise invalid("parameter_invalid", "Idempotency keys are at most 255 characters long.")
        fingerprint = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + raw).hexdigest()
        async with self._locks.setdefault(key, asyncio.Lock()):
            found = await self._store.rows("SELECT * FROM idempotency_keys WHERE key = ?", key)
            if found:
                return Reply(_replay(found[0], fingerprint))
            return await self._do(act, (key, fingerprint))

    async def _do(self, act: Act, key: tuple[str, str] | None = None) -> Reply:
        outcome = await act()
        kept = list(outcome.kept)
        if key:
            row = (*key, outcome.status, orjson.dumps(outcome.document).decode())
            kept.append(Statement("INSERT INTO idempotency_keys VALUES (?, ?, ?, ?)", [row]))
        if self._webhook_url:
            kept.append(pending(PROVIDER, [self._event(*event) for event in outcome.events]))
        await self._store.write(*kept)
        self._sender.wake(PROVIDER)
        return Reply(json_response(outcome.document, outcome.status), outcome.answered)

    def _event(self, kind: str, told: dict[str, Any]) -> Webhook:
        now = unix_ms()
        event = {
            "id": intents.new_id("evt"),
            "object": "event",
            "type": kind,
            "created": now // 1000,
            "livemode": False,
            "data": {"object": told},
        }
        return Webhook(self._webhook_url, now, event)

    async def _intent(self, intent_id: str) -> dict[str, Any]:
        found = await self._store.rows("SELECT document FROM payment_intents WHERE id = ?", intent_id)
        if not found:
            raise invalid("resource_missing", f"No such payment_intent: '{intent_id}'", status=404)
        document: dict[str, Any] = orjson.loads(found[0]["document"])
        return document

    async def _read(self, request: Request) -> bytes:
        self._admit(request)
        return await read_body(request, _MAX_BODY, plain_error(413))

    def _admit(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            raise plain_error(401)


def _replay(kept: sqlite3.Row, fingerprint: str) -> Response:
    if kept["fingerprint"] != fingerprint:
        message = "Keys for idempotent requests can only be used with the same parameters."
        raise PaymentError(400, "idempotency_error", None, message)
    return json_response(orjson.loads(kept["answer"]), kept["status"], {"Idempotent-Replayed": "true"})
