"""What shoppers keep to themselves is in no topic, log or metric, whatever they do and mistype."""

import secrets
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shop_devstack.demo.secrecy import Needle
from tests.e2e.conftest import Shop, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


class Visitor:
    """Somebody who shops, and remembers what must stay between them and the shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.email = f"{secrets.token_hex(8)}@example.test"
        self.password = secrets.token_urlsafe(24)
        self.strings: list[str] = []
        self.access_tokens: list[str] = []
        self.refresh_tokens: list[str] = []
        self.mistyped = secrets.token_urlsafe(24)
        self.visitor_id = ""

    @property
    def needles(self) -> list[Needle]:
        return [
            *(Needle("session string", each) for each in self.strings),
            *(Needle("access token", each) for each in self.access_tokens),
            *(Needle("refresh token", each) for each in self.refresh_tokens),
            Needle("password", self.password),
            Needle("password", self.mistyped),
            Needle("e-mail address", self.email, personal=True),
        ]

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.strings:
            sent["Session-Id"] = self.strings[-1]
        if self.access_tokens:
            sent["Authorization"] = f"Bearer {self.access_tokens[-1]}"
        answer = await self.shop.http.request(method, path, json=body, headers=sent)
        self.shop.http.cookies.clear()
        if string := answer.headers.get("Session-Id"):
            self.strings.append(string)
        return answer

    async def do(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = await self.ask(method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    async def look_around(self, product_id: str) -> None:
        self.visitor_id = (await self.do("POST", "/v1/session"))["visitor_id"]
        await self.do("PUT", "/v1/session/consent", {"analytics": True, "marketing": True})
        await self.do("PUT", f"/v1/session/cart/lines/{product_id}", {"quantity": 2})
        await self.do("PUT", "/v1/session/states/game", {"level": 3}, If_None_Match="*")
        now = datetime.now(UTC).isoformat()
        page = f"/products/{product_id}?session={self.strings[-1]}&mail={self.email}"
        view = {"id": "e1", "type": "page_viewed", "view_id": "v1", "page": page, "at": now}
        told = await self.do("POST", "/v1/session/activity", {"events": [view]})
        assert told["results"][0]["status"] == "accepted"

    async def register(self) -> None:
        about = {"email": self.email, "phone": "+447700900123", "name": "Ann"}
        await self.do("POST", "/v1/users", {**about, "password": self.password})
        wrong = await self.ask("POST", "/v1/auth/login", {"email": self.email, "password": self.mistyped})
        assert wrong.status_code == 401
        self._keep(await self.do("POST", "/v1/auth/login", {"email": self.email, "password": self.password}))
        await self.do("POST", "/v1/session/link")
        self._keep(await self.do("POST", "/v1/auth/refresh", {"refresh_token": self.refresh_tokens[-1]}))

    async def buy(self, product_id: str) -> str:
        lines = [{"product_id": product_id, "quantity": 1}]
        order = {"lines": lines, "payment_method": "pm_card_visa"}
        key = secrets.token_hex(8)
        return str((await self.do("POST", "/v1/orders", order, Idempotency_Key=key))["id"])

    async def blunder(self) -> None:
        """Put secrets where they do not belong; each is refused."""
        bodies = [
            ("/v1/users", {"email": self.password, "password": self.email, "phone": self.strings[-1]}),
            ("/v1/users", {"email": self.email, "password": self.password, self.strings[-1]: 1}),
            ("/v1/auth/login", {"email": self.email, "password": [self.mistyped]}),
            ("/v1/auth/refresh", {"refresh_token": self.access_tokens[-1]}),
            ("/v1/auth/refresh", {"refresh_token": [self.refresh_tokens[-1]]}),
            ("/v1/orders", {"payment_method": self.refresh_tokens[-1], "lines": self.strings}),
            ("/v1/session/activity", {"events": self.strings[-1]}),
        ]
        for path, body in bodies:
            refused = await self.ask("POST", path, body, Idempotency_Key=secrets.token_hex(8))
            assert 400 <= refused.status_code < 500, f"{path}: {refused.text}"
        unknown = await self.ask("GET", "/v1/orders/ord_x", X_Request_Id=self.strings[-1])
        assert unknown.status_code == 404
        first = {"Session-Id": self.strings[0], "Authorization": f"Bearer {self.access_tokens[-1]}x"}
        assert (await self.shop.http.get("/v1/session/cart", headers=first)).status_code == 401
        assert (await self.shop.http.get("/v1/orders", headers=first)).status_code == 401

    def _keep(self, answer: dict[str, Any]) -> None:
        self.access_tokens.append(answer["access_token"])
        self.refresh_tokens.append(answer["refresh_token"])


async def test_no_secret_of_a_shopper_is_in_a_topic_a_log_or_a_metric(shop: Shop) -> None:
    product = await shop.product()
    visitor = Visitor(shop)
    await visitor.look_around(product["id"])
    await visitor.register()
    order_id = await visitor.buy(product["id"])
    await visitor.blunder()

    async def is_told() -> bool:
        receipts = await shop.receipts(order_id)
        cart = await visitor.do("GET", "/v1/session/cart")
        return receipts.keys() == {"email", "sms"} and bool(cart["pieces"] == 1)

    await eventually(is_told)
    await visitor.do("POST", "/v1/auth/logout")
    await visitor.ask("DELETE", "/v1/session")

    found = await shop.search(*visitor.needles)
    assert found.differences == []
    assert len(visitor.strings) == 2
    assert found.needles >= 8

    # What is there is found: the search was no glance into the void.
    visitor_id = Needle("visitor", visitor.visitor_id)
    controls = await shop.search(visitor_id, Needle("address", visitor.email))
    assert {place for what, place in controls.leaks if what == "visitor"} >= {
        "topic session.sessions.v1",
        "topic session.carts.v1",
        "topic session.activity.v1",
    }
    assert ("address", "topic identity.contacts.v1") in controls.leaks
    assert found.metric_pages == len(shop.info.service_urls)
    assert found.log_bytes > 0
