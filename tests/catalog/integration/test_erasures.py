"""Who has left is forgotten: where they live, how they paid and what they said; what was sold stays."""

from datetime import timedelta

import pytest

from shop_catalog import consumers
from shop_catalog.application.checkout import Checkout
from shop_catalog.application.clock import now
from shop_catalog.application.erasures import LONGEST_WAIT, TOKENS_LIVE
from shop_catalog.domain.payments import Declined, Reversed, Unknown
from shop_catalog.jobs import erasures
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.contracts.identity import UserErased
from tests.catalog.conftest import Database, FakeProvider, Json, Shop, grow_old, make_due
from tests.catalog.integration.test_addresses import ADDRESS

pytestmark = pytest.mark.integration

SUPPORT = "usr_7:support"
WORDS = "because of my illness"


async def leave(transact: Transact, user_id: str) -> None:
    async def hear(uow: CatalogUnitOfWork) -> None:
        await consumers.user_erased(uow, UserErased(user_id=user_id, at=now()))

    await transact(hear)


async def later(db: Database, transact: Transact, age: timedelta) -> None:
    """Let erasures have been asked for ``age`` ago and look after them."""
    await db.erasures.update_many({}, {"$set": {"asked_at": now() - age}})
    await make_due(db)
    await erasures.erase(transact)


async def sent(shop: Shop, order: Json) -> Json:
    parcel: Json = (await shop.post(f"/v1/orders/{order['id']}/shipments", {"carrier": "x"}, SUPPORT)).json()
    return parcel


async def arrived(shop: Shop, order: Json) -> None:
    [parcel] = (await shop.show(f"/v1/orders/{order['id']}", SUPPORT)).json()["shipments"]
    path = f"/v1/orders/{order['id']}/shipments/{parcel['id']}/delivery"
    assert (await shop.put(path, token=SUPPORT)).json()["status"] == "delivered"


async def returned(shop: Shop, cup: Json, user: str) -> Json:
    """Return an order that has arrived, and of which a piece is to be returned."""
    order: Json = (await shop.order((cup, 2), user=user, address=ADDRESS)).json()
    await sent(shop, order)
    await arrived(shop, order)
    wanted = {"lines": [{"product_id": cup["id"], "quantity": 1}], "reason": WORDS}
    assert (await shop.post(f"/v1/orders/{order['id']}/returns", wanted, user)).status_code == 201
    return order


async def test_orders_stay_without_address_card_and_words(
    shop: Shop, db: Database, transact: Transact
) -> None:
    cup = await shop.sell(price=1000, stock=10)
    order, others = await returned(shop, cup, "usr_1"), await returned(shop, cup, "usr_2")
    await leave(transact, "usr_1")
    await erasures.erase(transact)
    shown = (await shop.show(f"/v1/orders/{order['id']}", SUPPORT)).json()
    [asked] = shown["returns"]
    assert (shown["address"], asked["reason"], asked["state"]) == (None, "", "asked")
    assert (shown["total"], shown["lines"], shown["status"]) == (order["total"], order["lines"], "delivered")
    document = await db.orders.find_one({"_id": order["id"]})
    for personal in (WORDS, ADDRESS["name"], ADDRESS["city"], "pm_card_visa"):
        assert personal not in str(document)
    spared = (await shop.show(f"/v1/orders/{others['id']}", SUPPORT)).json()
    assert (spared["address"]["name"], spared["returns"][0]["reason"]) == (ADDRESS["name"], WORDS)
    path = f"/v1/orders/{order['id']}/returns/{asked['id']}/decision"
    decided = (await shop.put(path, {"accepted": True}, SUPPORT)).json()
    assert [each["state"] for each in decided["refunds"]] == ["succeeded"], "what is owed is still paid back"


async def test_cards_that_were_declined_are_forgotten_too(
    shop: Shop, db: Database, transact: Transact, provider: FakeProvider
) -> None:
    provider.answers = [Declined("card_declined")]
    answer = await shop.order((await shop.sell(), 1), payment_method="pm_first")
    path = f"/v1/orders/{answer.json()['order_id']}"
    assert "pm_first" in str(await db.orders.find_one({}))
    assert (await shop.put(f"{path}/cancellation")).status_code == 200
    await leave(transact, "usr_1")
    await erasures.erase(transact)
    assert "pm_first" not in str(await db.orders.find_one({}))
    assert (await shop.show(path, SUPPORT)).json()["payment"]["state"] == "declined"


async def test_what_is_still_to_be_reversed_names_no_card(
    shop: Shop, db: Database, transact: Transact, checkout: Checkout, provider: FakeProvider
) -> None:
    provider.answers = [Unknown("timeout")] * 2
    await shop.order((await shop.sell(), 1), payment_method="pm_first")
    await grow_old(db, timedelta(minutes=16))
    await make_due(db)
    await checkout.settle_due(10)
    assert await db.payment_reversals.count_documents({"state": "open"}) == 1
    await leave(transact, "usr_1")
    await erasures.erase(transact)
    for name in await db.list_collection_names():
        assert "pm_first" not in str(await db[name].find({}).to_list()), name
    provider.reversed = Reversed.VOIDED
    await make_due(db)
    await checkout.reverse_due(10)
    assert await db.payment_reversals.count_documents({"state": "voided"}) == 1


async def test_an_order_on_its_way_keeps_its_address_until_it_has_arrived(
    shop: Shop, db: Database, transact: Transact
) -> None:
    order = (await shop.order((await shop.sell(), 1), address=ADDRESS)).json()
    path = f"/v1/orders/{order['id']}"
    await leave(transact, "usr_1")
    await later(db, transact, TOKENS_LIVE * 2)
    assert (await shop.show(path, SUPPORT)).json()["address"]["city"] == ADDRESS["city"]
    await sent(shop, order)
    await arrived(shop, order)
    await later(db, transact, TOKENS_LIVE * 2)
    assert (await shop.show(path, SUPPORT)).json()["address"] is None
    assert await db.erasures.count_documents({}) == 0


async def test_one_that_never_arrives_does_not_keep_it_for_ever(
    shop: Shop, db: Database, transact: Transact
) -> None:
    order = (await shop.order((await shop.sell(), 1), address=ADDRESS)).json()
    await leave(transact, "usr_1")
    await later(db, transact, LONGEST_WAIT + timedelta(days=1))
    assert (await shop.show(f"/v1/orders/{order['id']}", SUPPORT)).json()["address"] is None
    assert await db.erasures.count_documents({}) == 0


async def test_what_an_old_token_still_brings_is_forgotten_too(
    shop: Shop, db: Database, transact: Transact
) -> None:
    cup = await shop.sell(stock=10)
    await leave(transact, "usr_1")
    await erasures.erase(transact)
    order = await returned(shop, cup, "usr_1")
    await later(db, transact, TOKENS_LIVE * 2)
    assert (await shop.show(f"/v1/orders/{order['id']}", SUPPORT)).json()["address"] is None
    assert await db.erasures.count_documents({}) == 0
