"""What the sandbox received, for people (one HTML page) and for tests and the demo (JSON)."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, HTTPException, Query, Response
from jinja2 import Environment, PackageLoader
from pydantic import ValidationError

from shop_devstack.sandbox.faults import FaultPlan
from shop_devstack.sandbox.messages import Messages
from shop_devstack.sandbox.store import Store
from shop_devstack.sandbox.webhooks import WebhookSender
from shop_devstack.sandbox.wire import json_response
from shop_events.contracts import Money
from shop_events.contracts.amounts import format_money

_SHOWN = 50
# A mail is somebody else's HTML: it may show itself, and neither run nor load anything.
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'"


class Pages:
    """The reading side."""

    def __init__(self, store: Store, messages: Messages, sender: WebhookSender, plan: FaultPlan) -> None:
        self._store = store
        self._messages = messages
        self._sender = sender
        self._plan = plan
        self._templates = Environment(loader=PackageLoader(__package__), autoescape=True)
        self._templates.filters["money"] = _money

    def routes(self) -> APIRouter:
        """Return the routes; all are under /sandbox."""
        router = APIRouter(prefix="/sandbox", tags=["sandbox"])
        router.add_api_route("", self.overview, methods=["GET"], include_in_schema=False)
        router.add_api_route("/messages", self.listed, methods=["GET"])
        router.add_api_route("/messages", self.clear, methods=["DELETE"], status_code=204)
        router.add_api_route("/messages/{message_id}", self.one, methods=["GET"])
        router.add_api_route("/messages/{message_id}/page", self.page, methods=["GET"])
        router.add_api_route("/messages/{message_id}/html", self.html, methods=["GET"])
        router.add_api_route("/summary", self.summary, methods=["GET"])
        router.add_api_route("/receipts", self.receipts, methods=["GET"])
        return router

    async def overview(self) -> Response:
        """Show the newest of everything."""
        shown = {
            "messages": await self._messages.newest(_SHOWN),
            "payments": await self._newest_payments(),
            "summary": await self._summary(),
        }
        return self._rendered("overview.html", shown)

    async def listed(
        self,
        channel: Literal["email", "sms", "whatsapp", "messenger"] | None = None,
        order_id: str | None = None,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """List messages, oldest first; `next` is the `after` of the following page, null on the last."""
        found = await self._messages.page(channel, order_id, after, limit)
        following = found[-1]["seq"] if len(found) == limit else None
        return json_response({"messages": found, "next": following})

    async def one(self, message_id: str) -> Response:
        """Return one message with its `html`."""
        return json_response(await self._found(message_id))

    async def page(self, message_id: str) -> Response:
        """Show one message."""
        return self._rendered("message.html", {"message": await self._found(message_id)})

    async def html(self, message_id: str) -> Response:
        """Return a mail's own HTML, disarmed."""
        message = await self._found(message_id)
        headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(message["html"], headers=headers, media_type="text/html")

    async def summary(self) -> Response:
        """Return counts of messages and orders by channel, payments by status, webhooks that wait."""
        return json_response(await self._summary())

    async def receipts(self) -> Response:
        """Return by order id and channel how many messages came, when the first and with which total."""
        return json_response({"orders": await self._messages.receipts()})

    async def clear(self) -> None:
        """Forget all messages; payments stay."""
        await self._messages.clear()

    async def _found(self, message_id: str) -> dict[str, Any]:
        found = await self._messages.one(message_id)
        if found is None:
            raise HTTPException(404, "no such message")
        return found

    async def _summary(self) -> dict[str, Any]:
        statuses = await self._store.rows("SELECT status, count(*) AS n FROM payment_intents GROUP BY status")
        return {
            "messages": await self._messages.counts(),
            "payments": {row["status"]: row["n"] for row in statuses},
            "webhooks_pending": await self._sender.backlog(),
            "faults": {name: fault.model_dump() for name, fault in self._plan.faults.items()},
        }

    async def _newest_payments(self) -> list[dict[str, Any]]:
        found = await self._store.rows(
            "SELECT document FROM payment_intents ORDER BY created_at DESC, rowid DESC LIMIT ?", _SHOWN
        )
        return [orjson.loads(row["document"]) for row in found]

    def _rendered(self, template: str, context: dict[str, Any]) -> Response:
        html = self._templates.get_template(template).render(context)
        return Response(html, headers={"Content-Security-Policy": _PAGE_POLICY}, media_type="text/html")


def _money(amount: int, currency: str | None) -> str:
    """Write an amount of minor units; what was sent as a currency need not be one."""
    try:
        return format_money(Money(amount=amount, currency=(currency or "").upper()))
    except ValidationError:
        return f"{amount} {currency or ''}".strip()
