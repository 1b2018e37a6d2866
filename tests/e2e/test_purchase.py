"""A purchase travels from HTTP to the customer's mail, and to nobody else."""

import asyncio
import base64
import json
import secrets
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.e2e.conftest import Person, Shop, eventually

pytestmark = pytest.mark.e2e


async def test_a_paid_order_yields_one_mail_one_sms_and_one_inbox_entry(shop: Shop) -> None:
    buyer, product = await shop.customer(), await shop.product(price=1999)
    answer = await shop.order(buyer, product["id"], quantity=3)
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert order["status"] == "paid"
    assert order["total"] == {"amount": 5997, "currency": "GBP"}

    async def both() -> Any:
        found = await shop.receipts(order["id"])
        return found if found.keys() == {"email", "sms"} else None

    receipts = await eventually(both)
    assert receipts["email"]["count"] == receipts["sms"]["count"] == 1
    assert receipts["email"]["total_minor"] == 5997
    inbox = (await shop.http.get("/v1/notifications", headers=buyer.headers)).json()
    assert [entry["about"]["order_id"] for entry in inbox["items"]] == [order["id"]]
    assert "£59.97" in inbox["items"][0]["body"]


async def test_an_order_and_an_inbox_are_seen_by_their_owner_alone(shop: Shop) -> None:
    buyer, other, product = await shop.customer(), await shop.customer(), await shop.product()
    order = (await shop.order(buyer, product["id"])).json()
    path = f"/v1/orders/{order['id']}"
    assert (await shop.http.get(path, headers=buyer.headers)).status_code == 200
    refused = await shop.http.get(path, headers=other.headers)
    assert refused.status_code == 404
    assert refused.headers["content-type"] == "application/problem+json"
    assert (await shop.http.get("/v1/orders", headers=other.headers)).json()["items"] == []

    async def entry() -> Any:
        return (await shop.http.get("/v1/notifications", headers=buyer.headers)).json()["items"]

    [mine] = await eventually(entry)
    read = await shop.http.post(f"/v1/notifications/{mine['id']}/read", headers=other.headers)
    assert read.status_code == 404
    assert (await shop.http.get("/v1/notifications", headers=other.headers)).json()["items"] == []


async def test_equal_requests_with_one_key_make_one_order(shop: Shop) -> None:
    buyer, product = await shop.customer(), await shop.product(stock=100)
    answers = await asyncio.gather(*(shop.order(buyer, product["id"], key="the-same") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await shop.http.get("/v1/orders", headers=buyer.headers)).json()["items"]) == 1


async def test_fifty_buyers_of_the_last_five_pieces_buy_exactly_five(shop: Shop) -> None:
    buyer, product = await shop.customer(), await shop.product(stock=5)
    answers = await asyncio.gather(*(shop.order(buyer, product["id"]) for _ in range(50)))
    bought = [answer for answer in answers if answer.status_code == 201]
    assert len(bought) == 5
    assert {answer.status_code for answer in answers} == {201, 409}


async def test_what_people_buy_comes_first_in_lists_and_searches_for_everybody(shop: Shop) -> None:
    """The site learns: catalog's order, analytics' score, catalog's ranking, each by way of a topic."""
    word = f"lamp{secrets.token_hex(4)}"
    products = [await shop.product(title=word, category=word) for _ in range(3)]
    [category] = products[0]["category_path"]
    wanted = products[1]["id"]
    buyer = await shop.customer()
    for _ in range(3):
        assert (await shop.order(buyer, wanted)).status_code == 201

    async def first(path: str, **query: str) -> bool:
        items = (await shop.http.get(path, params=query)).json().get("items", [])
        return len(items) == 3 and items[0]["id"] == wanted

    await eventually(lambda: first("/v1/products", category_id=category["id"], sort="popular"))
    await eventually(lambda: first("/v1/products", category_id=category["id"], sort="trend"))
    await eventually(lambda: first("/v1/search", q=word))


def forged(buyer: Person, **changes: Any) -> str:
    """Return the buyer's token with other claims, signed with somebody else's key."""
    header, payload, _ = buyer.token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    key = Ed25519PrivateKey.generate()
    return jwt.encode({**claims, **changes}, key, "EdDSA", headers={"kid": kid, "typ": "at+jwt"})


async def test_a_forged_broken_or_unsigned_token_is_refused(shop: Shop) -> None:
    buyer = await shop.customer()
    header, payload, signature = buyer.token.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    tokens = [
        forged(buyer, roles=["administrator"]),
        f"{unsigned}.{payload}.",
        f"{header}.{payload}.{signature[::-1]}",
        "x" * 5000,
        "x",
    ]
    for token in tokens:
        answer = await shop.http.get("/v1/orders", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token[:20]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_after_logout_the_token_is_refused_by_every_service(shop: Shop) -> None:
    buyer = await shop.customer()
    answer = await shop.http.post("/v1/auth/logout", headers=buyer.headers)
    assert answer.status_code == 204
    for path in ("/v1/orders", "/v1/notifications", "/v1/users/me"):

        async def refused(path: str = path) -> bool:
            return (await shop.http.get(path, headers=buyer.headers)).status_code == 401

        await eventually(refused, seconds=10)


@pytest.mark.parametrize(
    "more",
    [
        {"total": {"amount": 1, "currency": "GBP"}},
        {"user_id": "usr_0"},
        {"lines": [{"product_id": "prd_x", "quantity": -1}]},
        {"lines": [{"product_id": "prd_x", "quantity": 1.5}]},
        {"lines": []},
        {"expected_total": {"amount": 1, "currency": "GBP"}},
    ],
    ids=[
        "a price in the body",
        "another owner",
        "negative",
        "fractional",
        "nothing",
        "a total that is wrong",
    ],
)
async def test_what_the_client_may_not_say_is_refused_and_changes_nothing(
    shop: Shop, more: dict[str, Any]
) -> None:
    buyer, product = await shop.customer(), await shop.product()
    answer = await shop.order(buyer, product["id"], **more)
    assert answer.status_code in (409, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await shop.http.get("/v1/orders", headers=buyer.headers)).json()["items"] == []


async def test_a_body_of_ten_megabytes_is_refused(shop: Shop) -> None:
    body = b'{"email": "' + b"x" * 10_000_000 + b'"}'
    answer = await shop.http.post("/v1/users", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_customers_do_not_sell(shop: Shop) -> None:
    buyer, product = await shop.customer(), await shop.product()
    changed = await shop.http.patch(
        f"/v1/products/{product['id']}", json={"title": "mine"}, headers={**buyer.headers, "If-Match": '"v1"'}
    )
    assert changed.status_code == 403
    headers = {**buyer.headers, "Idempotency-Key": secrets.token_hex(4)}
    body = {"sku": "x", "title": "x", "price": {"amount": 1, "currency": "GBP"}}
    assert (await shop.http.post("/v1/products", json=body, headers=headers)).status_code == 403
