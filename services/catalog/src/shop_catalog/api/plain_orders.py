"""Orders that are placed in the plain way, past FastAPI; the route answers whatever is odd or wrong."""

from __future__ import annotations

from fastapi import Request
from pydantic import ValidationError

from shop_catalog.api.order_views import OrderView
from shop_catalog.api.orders import ORDERS_PATH, PlaceOrder
from shop_catalog.api.plain_reads import Scope
from shop_catalog.api.requests import request_key
from shop_catalog.application.checkout import Checkout
from shop_chassis.auth import caller_of
from shop_chassis.direct import BodyShortcut, Ready
from shop_chassis.http import is_idempotency_key


class PlainOrders:
    """Places orders as ``POST /v1/orders`` does, where nothing is wrong with the request."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout

    @property
    def shortcut(self) -> BodyShortcut:
        """Past FastAPI's route."""
        return BodyShortcut(ORDERS_PATH, self.place)

    async def place(self, scope: Scope, said: bytes) -> Ready | None:
        """Place an order.

        Raises:
            Problem, DomainError: as the route does.
        """
        request = Request(scope)
        keys = request.headers.getlist("idempotency-key")
        if len(keys) != 1 or not is_idempotency_key(keys[0]):
            return None
        try:
            body = PlaceOrder.model_validate_json(said)
        except ValidationError:
            return None
        caller = caller_of(request)
        if caller is None:
            return None
        asked = request_key(caller.user_id, keys[0], "POST", ORDERS_PATH, body)
        return _created(OrderView.of(await self._checkout.place(body.basket(), asked)))


def _created(view: OrderView) -> Ready:
    body = view.model_dump_json().encode()
    headers = [
        (b"location", f"{ORDERS_PATH}/{view.id}".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]
    return Ready(201, headers, body)
