"""Somebody without an account buys, is mailed, and follows the order from the mail; nobody else does."""

import pytest

from shop_devstack.demo.secrecy import Needle
from tests.e2e.conftest import Person, Shop, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def follow(shop: Shop, token: str) -> Person:
    answer = await shop.http.post("/v1/guests/access", json={"token": token})
    assert answer.status_code == 200, answer.text
    granted = answer.json()
    return Person(granted["user_id"], "", granted["access_token"])


async def test_a_guest_buys_and_follows_the_order_from_the_receipt(shop: Shop) -> None:
    product, guest = await shop.product(price=1999), await shop.guest()
    answer = await shop.order(guest, product["id"])
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert order["status"] == "paid"
    follower = await follow(shop, await shop.link(guest.email))
    seen = await shop.http.get(f"/v1/orders/{order['id']}", headers=follower.headers)
    assert seen.status_code == 200, seen.text
    listed = (await shop.http.get("/v1/orders", headers=follower.headers)).json()["items"]
    assert [each["id"] for each in listed] == [order["id"]]
    assert (await shop.receipts(order["id"]))["email"]["count"] == 1
    pieces = {"lines": [{"product_id": product["id"], "quantity": 1}], "reason": "too small"}
    asking = f"/v1/orders/{order['id']}/returns"
    key = {"Idempotency-Key": "back"}
    refused = [
        await shop.http.put(f"/v1/orders/{order['id']}/cancellation", headers=follower.headers),
        await shop.http.post(asking, json=pieces, headers={**follower.headers, **key}),
        await shop.order(follower, product["id"]),
        await shop.http.post("/v1/session/link", headers=follower.headers),
        await shop.http.post("/v1/auth/logout", json={"everywhere": True}, headers=follower.headers),
    ]
    assert [each.status_code for each in refused] == [403] * 5, "the link only sees"


async def test_a_guest_sees_no_order_of_anybody_else_and_operates_nothing(shop: Shop) -> None:
    product, guest, buyer, other = (
        await shop.product(),
        await shop.guest(),
        await shop.customer(),
        await shop.guest(),
    )
    orders = [(await shop.order(each, product["id"])).json()["id"] for each in (buyer, other)]
    await shop.order(guest, product["id"])
    follower = await follow(shop, await shop.link(guest.email))
    for order_id in orders:
        for person in (guest, follower):
            answer = await shop.http.get(f"/v1/orders/{order_id}", headers=person.headers)
            assert answer.status_code == 404
    for path in ("/v1/deliveries?status=sent", "/v1/reviews", "/v1/promotions"):
        assert (await shop.http.get(path, headers=guest.headers)).status_code == 403, path


async def test_without_the_code_nothing_is_bought(shop: Shop) -> None:
    product = await shop.product()
    nobody = Person("", "", "not-a-token")
    assert (await shop.order(nobody, product["id"])).status_code == 401
    asked = (await shop.http.post("/v1/guests", json={"email": "someone.else@example.test"})).json()
    assert asked.keys() == {"verification_id", "expires_in"}
    body = {"verification_id": asked["verification_id"], "code": "00000000"}
    answer = await shop.http.post("/v1/guests/verification", json=body)
    assert answer.status_code == 401, "one in a hundred million times this fails"
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_guest_takes_the_cart_along_and_logs_out_everywhere(shop: Shop) -> None:
    product, guest = await shop.product(), await shop.guest()
    begun = await shop.http.post("/v1/session", headers={"User-Agent": "an app"})
    session = {"Session-Id": begun.headers["Session-Id"]}
    shop.http.cookies.clear()
    line = {"quantity": 2}
    put = await shop.http.put(f"/v1/session/cart/lines/{product['id']}", json=line, headers=session)
    assert put.status_code == 200, put.text
    linked = await shop.http.post("/v1/session/link", headers={**session, **guest.headers})
    assert linked.status_code in (200, 201), linked.text
    shop.http.cookies.clear()
    assert linked.json()["user_id"] == guest.id
    assert linked.json()["cart"]["pieces"] == 2
    await shop.order(guest, product["id"])
    token = await shop.link(guest.email)
    out = await shop.http.post("/v1/auth/logout", json={"everywhere": True}, headers=guest.headers)
    assert out.status_code == 204

    async def refused() -> bool:
        return (await shop.http.get("/v1/orders", headers=guest.headers)).status_code == 401

    await eventually(refused, seconds=10)
    answer = await shop.http.post("/v1/guests/access", json={"token": token})
    assert answer.status_code == 401


async def test_what_guests_are_mailed_is_in_no_other_topic_log_or_metric(shop: Shop) -> None:
    product, guest = await shop.product(), await shop.guest()
    await shop.order(guest, product["id"])
    token = await shop.link(guest.email)
    follower = await follow(shop, token)
    needles = [
        Needle("link", token, only_in="identity.links.v1"),
        Needle("access token", guest.token),
        Needle("access token", follower.token),
        Needle("refresh token", guest.refresh_token),
        Needle("e-mail address", guest.email, personal=True),
    ]
    found = await shop.search(*needles)
    assert found.differences == []
    control = await shop.search(Needle("link", token))
    assert control.differences == ["link in topic identity.links.v1: 1"]
