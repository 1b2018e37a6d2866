"""Orders that are reserved first: paid later, cancelled, expired; money that is held before it is taken."""

import asyncio
from datetime import timedelta

import pytest

from shop_catalog.application.checkout import Checkout
from shop_catalog.domain.payments import Authorised, Declined, Outcome, Unknown, Voided
from tests.catalog.conftest import (
    Database,
    FakeProvider,
    Json,
    Shop,
    bearer,
    grow_old,
    left,
    make_due,
    payment_event,
    problem,
    told,
)

pytestmark = pytest.mark.integration

CARD = {"payment_method": "pm_card_visa"}
HELD = Authorised("pi_held")


@pytest.fixture
async def cup(shop: Shop) -> Json:
    return await shop.sell(stock=5)


async def reserve(shop: Shop, cup: Json, count: int = 5, **more: str) -> Json:
    answer = await shop.order((cup, count), payment_method=None, **more)
    assert answer.status_code == 201, answer.text
    order: Json = answer.json()
    return order


async def put(shop: Shop, order: Json, what: str, body: Json | None = None, user: str = "usr_1") -> Json:
    answer = await shop.http.put(f"/v1/orders/{order['id']}/{what}", json=body, headers=bearer(user))
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def status(shop: Shop, order: Json) -> tuple[str, str | None, str | None]:
    last = (await shop.show(f"/v1/orders/{order['id']}")).json()["history"][-1]
    return last["status"], last["reason"], last["by"]


async def pass_time(db: Database) -> None:
    """Let every reservation be over, and looked at."""
    await db.orders.update_many({}, [{"$set": {"reserved_until": {"$subtract": ["$$NOW", 1]}}}])
    await make_due(db)


async def test_a_reserved_order_keeps_its_stock_and_is_paid_later(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    order = await reserve(shop, cup)
    assert (order["status"], order["payment"], await left(db, cup)) == ("reserved", None, 0)
    assert order["reserved_until"] > order["placed_at"]
    answers = await asyncio.gather(*(put(shop, order, "payment", CARD) for _ in range(5)))
    assert "paid" in {answer["status"] for answer in answers}
    assert len(provider.charges) == 1
    assert (await put(shop, order, "payment", CARD))["status"] == "paid"
    assert len(await told(db, "order.paid")) == 1


async def test_what_nobody_pays_expires_and_goes_back(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    order = await reserve(shop, cup)
    await make_due(db)
    await checkout.settle_due(10)
    assert await left(db, cup) == 0, "there is time left"
    for _ in range(2):
        await pass_time(db)
        await checkout.settle_due(10)
    assert await status(shop, order) == ("cancelled", "reservation_expired", "clock")
    assert (await left(db, cup), provider.charges) == (5, [])
    assert await told(db, "order.cancelled", "stock.back") == [
        ("catalog.stock.back.v1", 2),
        ("catalog.order.cancelled.v1", 2),
    ]
    refused = await shop.http.put(f"/v1/orders/{order['id']}/payment", json=CARD, headers=bearer("usr_1"))
    assert problem(refused) == (409, "illegal-move")


async def test_a_reservation_under_payment_does_not_expire(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    order = await reserve(shop, cup)
    provider.answers = [Unknown("timeout")] * 2
    await put(shop, order, "payment", CARD)
    await pass_time(db)
    await checkout.settle_due(10)
    assert (await status(shop, order))[0] == "reserved"
    await make_due(db)
    await checkout.settle_due(10)
    assert ((await status(shop, order))[0], await left(db, cup)) == ("paid", 0)


async def test_paying_and_expiring_at_once_leave_one_outcome(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    placed = [await reserve(shop, cup, 1, user=f"usr_{n}") for n in range(5)]
    await pass_time(db)
    paying = [
        shop.http.put(f"/v1/orders/{order['id']}/payment", json=CARD, headers=bearer(f"usr_{n}"))
        for n, order in enumerate(placed)
    ]
    answers, _ = await asyncio.gather(asyncio.gather(*paying), checkout.settle_due(10))
    paid = sum(answer.status_code == 200 for answer in answers)
    assert await db.orders.count_documents({"status": "paid"}) == paid == len(provider.charges)
    assert await db.orders.count_documents({"status": "cancelled"}) == 5 - paid == await left(db, cup)


async def test_a_customer_cancels_what_is_not_paid_and_nobody_else_does(
    shop: Shop, db: Database, cup: Json
) -> None:
    order = await reserve(shop, cup)
    path = f"/v1/orders/{order['id']}"
    for what, body in (("cancellation", None), ("payment", CARD)):
        answer = await shop.http.put(f"{path}/{what}", json=body, headers=bearer("usr_2"))
        assert problem(answer) == (404, "not-found")
    for _ in range(2):
        assert (await put(shop, order, "cancellation"))["status"] == "cancelled"
    assert await status(shop, order) == ("cancelled", "not_wanted", "customer")
    assert await left(db, cup) == 5


async def test_an_operator_cancels_and_is_not_named(shop: Shop, cup: Json) -> None:
    order = await reserve(shop, cup)
    await put(shop, order, "cancellation", user="usr_7:support")
    assert await status(shop, order) == ("cancelled", "not_wanted", "shop")


async def test_what_is_paid_cannot_be_cancelled(shop: Shop, cup: Json) -> None:
    order = (await shop.order((cup, 1))).json()
    answer = await shop.http.put(f"/v1/orders/{order['id']}/cancellation", headers=bearer("usr_1"))
    assert problem(answer) == (409, "illegal-move")


async def test_a_declined_late_payment_leaves_the_order_to_be_paid_or_cancelled(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    order = await reserve(shop, cup)
    provider.answers = [Declined("card_declined")]
    answer = await shop.http.put(f"/v1/orders/{order['id']}/payment", json=CARD, headers=bearer("usr_1"))
    assert problem(answer) == (402, "payment-declined")
    assert await left(db, cup) == 0
    assert (await put(shop, order, "cancellation"))["status"] == "cancelled"
    assert await left(db, cup) == 5


async def test_money_that_is_held_is_noted_and_then_taken(
    shop: Shop, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [HELD]
    order = (await shop.order((cup, 1))).json()
    assert (order["status"], provider.captures) == ("paid", ["pi_held"])
    assert [each["status"] for each in order["history"]] == ["placed", "reserved", "authorised", "paid"]


async def test_what_is_held_is_taken_later_and_not_asked_for_again(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers, provider.capture_answers = [HELD], [Unknown("timeout")]
    order = (await shop.order((cup, 1))).json()
    assert (await status(shop, order))[0] == "authorised"
    await shop.tell(payment_event(provider.charges[0], "payment_failed"))
    await shop.tell(payment_event(provider.charges[0], "amount_capturable_updated"))
    await make_due(db)
    await checkout.settle_due(10)
    assert ((await status(shop, order))[0], len(provider.charges)) == ("paid", 1)
    assert len(await told(db, "order.paid")) == 1


async def test_an_order_whose_authorisation_lapsed_is_paid_in_another_way_while_it_is_reserved(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers, provider.capture_answers = [HELD], [Voided()]
    answer = await shop.order((cup, 1))
    assert problem(answer) == (402, "payment-declined")
    order = {"id": answer.json()["order_id"]}
    assert (await status(shop, order), await left(db, cup)) == (
        ("reserved", "authorisation_voided", "payment_provider"),
        4,
    )
    for kind in ("canceled", "payment_failed"):
        await shop.tell(payment_event(provider.charges[0], kind))
    paid = await put(shop, order, "payment", {"payment_method": "pm_card_amex"})
    assert [each["status"] for each in paid["history"]] == [
        *("placed", "reserved", "authorised"),
        *("reserved", "authorised", "paid"),
    ]
    assert await told(db, "order") == [
        ("catalog.order.placed.v1", 1),
        ("catalog.order.payment-declined.v1", 2),
        ("catalog.order.paid.v1", 3),
    ]


async def test_an_authorisation_that_lapses_after_the_reservation_cancels_the_order(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers, provider.capture_answers = [HELD], [Unknown("timeout"), Voided()]
    order = (await shop.order((cup, 1))).json()
    await db.orders.update_many({}, [{"$set": {"reserved_until": {"$subtract": ["$$NOW", 1]}}}])
    await make_due(db)
    await checkout.settle_due(10)
    assert (await status(shop, order))[:2] == ("cancelled", "payment_declined")
    assert await left(db, cup) == 5


@pytest.mark.parametrize("answers", [[Unknown("timeout")] * 2, [HELD]], ids=["unknown", "held"])
async def test_while_there_is_time_another_way_replaces_a_payment_of_unknown_outcome(  # noqa: PLR0917
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json, answers: list[Outcome]
) -> None:
    provider.answers, provider.capture_answers = [*answers], [Unknown("timeout")] * 2
    order = (await shop.order((cup, 1))).json()
    await grow_old(db, timedelta(minutes=16))
    await db.orders.update_many({}, [{"$set": {"reserved_until": {"$add": ["$$NOW", 60_000]}}}])
    await make_due(db)
    await checkout.settle_due(10)
    assert ((await status(shop, order))[0], await left(db, cup)) == ("reserved", 4)
    assert await told(db, "declined") == []
    first = provider.charges[0]
    assert (await put(shop, order, "payment", {"payment_method": "pm_card_amex"}))["status"] == "paid"
    await shop.tell(payment_event(first))
    await make_due(db)
    await checkout.reverse_due(10)
    assert [each.attempt_id for each in provider.reversals] == [first.attempt_id]
    assert ((await status(shop, order))[0], len(await told(db, "order.paid"))) == ("paid", 1)


async def test_what_is_held_too_long_is_given_up_and_voided(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers, provider.capture_answers = [HELD], [Unknown("timeout")] * 2
    order = (await shop.order((cup, 1))).json()
    await grow_old(db, timedelta(minutes=16))
    await make_due(db)
    await checkout.settle_due(10)
    assert await status(shop, order) == ("cancelled", "payment_timed_out", "clock")
    await make_due(db)
    await checkout.reverse_due(10)
    assert [each.intent_id for each in provider.reversals] == ["pi_held"]
    assert await left(db, cup) == 5


async def test_late_authorisations_of_a_cancelled_order_are_reversed_once(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [Unknown("timeout")]
    order = (await shop.order((cup, 1))).json()
    await shop.tell(payment_event(provider.charges[0], "canceled"))
    await put(shop, order, "cancellation")
    assert await left(db, cup) == 5
    for kind in ("amount_capturable_updated", "succeeded", "amount_capturable_updated"):
        await shop.tell(payment_event(provider.charges[0], kind))
        await checkout.reverse_due(10)
    assert len(provider.reversals) == 1
    assert await db.orders.count_documents({"status": "cancelled"}) == 1
