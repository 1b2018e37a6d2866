"""No one reads or changes what is another's, on any route: with another's token and session, or none."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from shop_devstack.stack import StackInfo
from tests.e2e.access import ACCESS, Access, Whose
from tests.e2e.conftest import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

Json = dict[str, Any]


@dataclass
class Party:
    """Somebody with a login and a session."""

    http: httpx.Client
    email: str = field(default_factory=lambda: f"{secrets.token_hex(8)}@example.test")
    token: str = ""
    string: str = ""

    @property
    def credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Session-Id": self.string}

    def register(self) -> None:
        about = {"email": self.email, "password": PASSWORD, "phone": "+447700900123", "name": "Ann"}
        self.http.post("/v1/users", json=about).raise_for_status()

    def log_in(self, password: str = PASSWORD) -> None:
        body = {"email": self.email, "password": password}
        answer = self.http.post("/v1/auth/login", json=body).raise_for_status()
        self.token = answer.json()["access_token"]

    def begin(self) -> str:
        """Begin a session and link it; return the string that ended with that."""
        begun = self.http.post("/v1/session", headers={"User-Agent": "an app"}).raise_for_status()
        self.string = first = begun.headers["Session-Id"]
        self.string = self.do("POST", "/v1/session/link").headers["Session-Id"]
        return first

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.request(method, path, json=body, headers=self.credentials | sent)
        self.http.cookies.clear()
        return answer

    def do(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.ask(method, path, body, **headers).raise_for_status()


@dataclass
class Owner:
    """Whose things everybody is after, and how they look."""

    party: Party
    paths: dict[str, str]
    """What stands for a parameter in a path, by the part before it."""
    texts: dict[str, str]
    """What stands for ``{…}`` in what is sent."""
    marks: set[str]
    """What shows that an answer is about the owner."""
    ended: str
    """A session string of theirs that has ended."""

    def belongings(self) -> dict[str, Any]:
        """Return all that is theirs, as they see it."""
        seen = (
            "/v1/users/me",
            "/v1/users/me/payment-methods",
            "/v1/orders",
            f"/v1/orders/{self.paths['orders']}",
            "/v1/notifications",
            "/v1/session",
            "/v1/session/cart",
            "/v1/session/states/game",
            "/v1/session/orders",
            f"/v1/products/{self.paths['products']}",
            f"/v1/products/{self.paths['products']}/reviews/mine",
        )
        return {path: self._without_stock(self.party.do("GET", path).json()) for path in seen}

    @staticmethod
    def _without_stock(body: Json) -> Json:
        """Leave out what others' own orders change of a product."""
        return {
            name: value for name, value in body.items() if name not in ("stock", "popularity", "updated_at")
        }

    def filled(self, value: Any) -> Any:
        """Return what an entry of the table says, with the owner's own data in it."""
        match value:
            case str():
                for name, text in self.texts.items():
                    value = value.replace("{" + name + "}", text)
                return value
            case dict():
                return {self.filled(key): self.filled(each) for key, each in value.items()}
            case list():
                return [self.filled(each) for each in value]
        return value

    def path(self, template: str) -> str:
        parts = template.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                parts[place] = self.paths[parts[place - 1]]
        return "/".join(parts)


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def http(running_stack: StackInfo) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running_stack.gateway_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def product_id(running_stack: StackInfo, http: httpx.Client) -> str:
    admin = running_stack.admin()
    merchant = Party(http, admin.email)
    merchant.log_in(admin.password)
    body = {
        "sku": secrets.token_hex(6),
        "title": "A lamp",
        "category": "Lamps",
        "price": {"amount": 5, "currency": "GBP"},
        "stock": 90,
    }
    made = merchant.do("POST", "/v1/products", body, Idempotency_Key=secrets.token_hex(8))
    return str(made.json()["id"])


@pytest.fixture(scope="module")
def owner(http: httpx.Client, product_id: str) -> Owner:
    ann = Party(http)
    ann.register()
    ann.log_in()
    ended, key = ann.begin(), secrets.token_hex(8)
    ann.do("PUT", "/v1/session/consent", {"analytics": True, "marketing": False})
    line = {"product_id": product_id, "quantity": 1}
    order = {"lines": [line], "payment_method": "pm_card_visa"}
    order_id = ann.do("POST", "/v1/orders", order, Idempotency_Key=key).json()["id"]
    secret = secrets.token_hex(8)
    state = ann.do("PUT", "/v1/session/states/game", {"level": secret}, If_None_Match="*")
    wait_for(
        lambda: [
            each for each in ann.do("GET", "/v1/session/orders").json()["items"] if each["status"] == "paid"
        ]
    )
    wait_for(lambda: ann.do("GET", "/v1/session").json()["contacts"])
    (entry,) = wait_for(lambda: ann.do("GET", "/v1/notifications").json()["items"])
    cart = ann.do("POST", "/v1/session/cart/lines", {**line, "quantity": 7}, Idempotency_Key=key)
    opinion = {"rating": 5, "recommends": True, "title": "Bright"}
    review = ann.do("POST", f"/v1/products/{product_id}/reviews", opinion, Idempotency_Key=key)
    token = "pm_visa" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(24))
    card = {"token": token, "brand": "visa", "last_four": "4242", "expires": "2040-12"}
    card_id = ann.do("POST", "/v1/users/me/payment-methods", card, Idempotency_Key=key).json()["id"]
    me, product = ann.do("GET", "/v1/users/me"), ann.do("GET", f"/v1/products/{product_id}")
    session = ann.do("GET", "/v1/session").json()
    user_id = me.json()["id"]
    return Owner(
        ann,
        paths={
            "orders": order_id,
            "reviews": review.json()["id"],
            "products": product_id,
            "lines": product_id,
            "notifications": entry["id"],
            "users": user_id,
            "payment-methods": card_id,
            "states": "game",
            "broadcasts": "brd_none",
            "variants": product.json()["variants"][0]["id"],
            "categories": product.json()["category_path"][0]["id"],
            "promotions": "pro_none",
            "shipments": "shp_none",
            "refunds": "ref_none",
            "returns": "rtn_none",
            "tariffs": "GB",
            "search": f"sch_{'0' * 32}",
            "unsubscribe": secrets.token_urlsafe(32),
        },
        texts={
            "key": key,
            "email": ann.email,
            "product_id": product_id,
            "me": me.headers["ETag"],
            "cart": cart.headers["ETag"],
            "state": state.headers["ETag"],
            "product": product.headers["ETag"],
            "category": '"v1"',
            "review": review.headers["ETag"],
        },
        marks={
            user_id,
            order_id,
            review.json()["id"],
            entry["id"],
            card_id,
            session["visitor_id"],
            ann.email,
            secret,
        },
        ended=ended,
    )


@pytest.fixture(scope="module")
def stranger(http: httpx.Client) -> Party:
    """Somebody with a login of their own; what a route ends of theirs is begun again."""
    party = Party(http)
    party.register()
    return party


REFUSED = {400, 401, 403, 404, 409, 412, 422, 428}


def expected(whose: Whose, case: str) -> set[int]:
    """Return the answers that are right; whatever else is right shows and changes nothing of the owner's."""
    anything = {200, 201, 202, 204, *REFUSED}
    match whose, case:
        case Whose.OWNER, "stranger":
            return {403, 404}
        case Whose.STAFF, "stranger":
            return {403}
        case ((Whose.OWNER | Whose.STAFF | Whose.CALLER), ("nobody" | "ended")):
            return {401}
        case Whose.VISITOR, "ended":
            return {401}
        case Whose.PROVIDER, _:
            return REFUSED
        case _:
            return anything


def sent_by(case: str, owner: Owner, stranger: Party) -> dict[str, str]:
    if case == "stranger":
        stranger.log_in()
        stranger.begin()
        return stranger.credentials
    if case == "ended":
        return {"Session-Id": owner.ended, "Authorization": f"Bearer {owner.party.token[:-6]}AAAAAA"}
    return {}


@pytest.mark.parametrize("case", ["stranger", "ended", "nobody"])
@pytest.mark.parametrize("route", ACCESS)
def test_what_is_anothers_is_neither_shown_nor_changed(
    owner: Owner, stranger: Party, http: httpx.Client, route: str, case: str
) -> None:
    access: Access = ACCESS[route]
    method, template = route.split()
    before = owner.belongings()
    credentials = sent_by(case, owner, stranger)
    if case == "ended" and access.whose in (Whose.VISITOR, Whose.NEWCOMER):
        del credentials["Authorization"]
    path, asked = owner.path(template), {**credentials, **owner.filled(access.headers)}
    answer = http.request(method, path + access.query, json=owner.filled(access.body), headers=asked)
    http.cookies.clear()
    assert answer.status_code in expected(access.whose, case), answer.text
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
    shown = {mark for mark in owner.marks if mark in answer.text and mark not in path}
    assert not shown, answer.text
    assert owner.belongings() == before


def test_the_owner_is_let_in(owner: Owner) -> None:
    """What is refused to others is there: the refusals are no accident."""
    for route in ("GET /v1/orders/{id}", "GET /v1/session/states/{name}", "POST /v1/notifications/{id}/read"):
        method, template = route.split()
        assert owner.party.ask(method, owner.path(template)).is_success, route
    answers = "".join(str(each) for each in owner.belongings().values())
    assert {mark for mark in owner.marks if mark not in answers} == set()
