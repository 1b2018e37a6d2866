"""What belongs to an account: saved cards, which pay for their owner alone, and an end for good."""

import re
import secrets

import httpx
import pytest

from shop_devstack.demo.secrecy import Needle
from tests.e2e.conftest import PASSWORD, Person, Shop, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PATH = "/v1/users/me/payment-methods"


async def save(shop: Shop, person: Person, token: str) -> str:
    card = {"token": token, "brand": "visa", "last_four": "4242", "expires": "2040-12"}
    headers = {**person.headers, "Idempotency-Key": secrets.token_hex(8)}
    answer = await shop.http.post(PATH, json=card, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def own_token() -> str:
    """Return what the provider gives for a card that nobody else has."""
    return "pm_visa" + re.sub("[^a-z]", "", secrets.token_urlsafe(200).lower())[:24]


async def test_a_saved_card_pays_for_its_owner_alone_until_it_is_removed(shop: Shop) -> None:
    product, ann, eve, token = await shop.product(), await shop.customer(), await shop.customer(), own_token()
    card = await save(shop, ann, token)

    async def attempt() -> httpx.Response | None:
        answer = await shop.order(ann, product["id"], payment_method=card)
        return None if answer.status_code == 422 else answer  # catalog has not heard of the card yet

    paid = await eventually(attempt)
    assert (paid.status_code, paid.json()["status"]) == (201, "paid"), paid.text
    for method in (card, token):
        refused = await shop.order(eve, product["id"], payment_method=method)
        assert (refused.status_code, "unknown-payment-method" in refused.text) == (422, True)
    removed = await shop.http.delete(f"{PATH}/{card}", headers=ann.headers)
    assert removed.status_code == 204

    async def refused_to_its_owner() -> bool:
        return (await shop.order(ann, product["id"], payment_method=card)).status_code == 422

    await eventually(refused_to_its_owner)
    needle = Needle("card token", token, only_in="identity.payment-methods.v1")
    found = await shop.search(needle)
    assert found.differences == []


async def test_a_closed_account_is_forgotten_and_its_orders_stay(shop: Shop) -> None:
    product, ann, admin = await shop.product(), await shop.customer(), await shop.administrator()
    address = {"name": "Ann", "lines": ["1 High Street"], "city": "Marylebone", "country": "GB"}
    order = (await shop.order(ann, product["id"], address=address)).json()
    path = f"/v1/orders/{order['id']}"
    key = {"Idempotency-Key": secrets.token_hex(8)}
    sent = await shop.http.post(f"{path}/shipments", json={"carrier": "x"}, headers={**admin.headers, **key})
    parcel = f"{path}/shipments/{sent.json()['shipments'][0]['id']}"
    await shop.http.put(f"{parcel}/delivery", headers=admin.headers)
    seen = (await shop.http.get("/v1/users/me", headers=ann.headers)).headers["ETag"]
    closed = await shop.http.delete("/v1/users/me", headers={**ann.headers, "If-Match": seen})
    assert closed.status_code == 204, closed.text

    async def forgotten() -> dict[str, object] | None:
        shown = (await shop.http.get(path, headers=admin.headers)).json()
        return shown if shown["address"] is None else None

    assert (await eventually(forgotten))["total"] == order["total"]
    assert (await shop.http.get("/v1/users/me", headers=ann.headers)).status_code == 401
    login = {"email": ann.email, "password": PASSWORD}
    assert (await shop.http.post("/v1/auth/login", json=login)).status_code == 401
