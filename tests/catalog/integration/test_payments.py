"""Whatever becomes of the provider's answer: an order is paid once or cancelled once, and money goes back."""

import asyncio
from datetime import timedelta

import pytest

from shop_catalog.application import payments
from shop_catalog.application.checkout import Checkout
from shop_catalog.domain.payments import Captured, Declined, Reversal, Reversed, Unknown
from shop_catalog.store.unit_of_work import Transact
from tests.catalog.conftest import (
    Database,
    FakeProvider,
    Json,
    Shop,
    grow_old,
    left,
    make_due,
    payment_event,
    problem,
    told,
    until,
)

pytestmark = pytest.mark.integration

NO_ANSWER = Unknown("timeout")
BY_VISA, BY_AMEX = {"payment_method": "pm_card_visa"}, {"payment_method": "pm_card_amex"}
BY_OTHER = {"payment_method": "pm_card_other"}


@pytest.fixture
async def cup(shop: Shop) -> Json:
    return await shop.sell(stock=5)


async def status(db: Database) -> str:
    order = await db.orders.find_one({})
    assert order
    return str(order["status"])


async def test_a_declined_order_keeps_its_stock_and_is_paid_with_another_card(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [Declined("card_declined")]
    answer = await shop.order((cup, 5), key="key")
    assert problem(answer) == (402, "payment-declined")
    assert answer.json()["code"] == "card_declined"
    order = (await shop.show(f"/v1/orders/{answer.json()['order_id']}")).json()
    assert (order["status"], order["payment"]["state"]) == ("reserved", "declined")
    assert order["reserved_until"] == answer.json()["payable_until"]
    assert await left(db, cup) == 0
    path = f"/v1/orders/{order['id']}/payment"
    for again in (await shop.order((cup, 5), key="key"), await shop.put(path, BY_VISA)):
        assert problem(again) == (402, "payment-declined")
        assert again.json()["order_id"] == order["id"]
    assert len(provider.charges) == 1, "the same card is not asked again"
    paying = await asyncio.gather(*(shop.put(path, BY_AMEX) for _ in range(5)))
    assert {each.status_code for each in paying} == {200}
    assert (await shop.order((cup, 5), key="key")).json()["status"] == "paid"
    assert problem(await shop.put(path, BY_VISA)) == (402, "payment-declined"), "its answer stays"
    assert [charge.method for charge in provider.charges] == ["pm_card_visa", "pm_card_amex"]
    assert await told(db, "order", "stock.back") == [
        ("catalog.order.placed.v1", 1),
        ("catalog.order.payment-declined.v1", 2),
        ("catalog.order.paid.v1", 3),
    ]


async def test_the_fifth_decline_cancels_the_order_and_returns_its_stock(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [Declined("card_declined")] * 5
    answer = await shop.order((cup, 5))
    path = f"/v1/orders/{answer.json()['order_id']}/payment"
    for number in range(4):
        assert await left(db, cup) == 0
        answer = await shop.put(path, {"payment_method": f"pm_{number}"})
        assert problem(answer) == (402, "payment-declined")
    assert answer.json()["payable_until"] is None
    assert (await status(db), await left(db, cup)) == ("cancelled", 5)
    assert problem(await shop.put(path, BY_AMEX)) == (409, "illegal-move")
    declined, cancelled = await told(db, "payment-declined"), await told(db, "order.cancelled")
    assert (len(declined), len(cancelled)) == (4, 1)


async def test_a_declined_order_that_nobody_pays_expires_and_returns_its_stock(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [Declined("card_declined")]
    await shop.order((cup, 5))
    await make_due(db)
    await checkout.settle_due(10)
    assert (await status(db), len(provider.charges)) == ("reserved", 1), "there is time, and nothing to ask"
    await db.orders.update_many({}, [{"$set": {"reserved_until": {"$subtract": ["$$NOW", 1]}}}])
    await make_due(db)
    await checkout.settle_due(10)
    assert (await status(db), await left(db, cup)) == ("cancelled", 5)


async def test_news_of_a_declined_try_do_not_touch_the_next_one(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [Declined("card_declined"), NO_ANSWER]
    order_id = (await shop.order((cup, 1))).json()["order_id"]
    await shop.put(f"/v1/orders/{order_id}/payment", BY_AMEX)
    first, second = provider.charges
    for kind in ("payment_failed", "canceled", "payment_failed"):
        assert (await shop.tell(payment_event(first, kind))).status_code == 204
    assert (await status(db), len(await told(db, "declined"))) == ("reserved", 1)
    for kind in ("succeeded", "amount_capturable_updated", "succeeded"):  # the customer was told no
        await shop.tell(payment_event(first, kind))
    assert await status(db) == "reserved"
    await checkout.reverse_due(10)
    assert provider.reversals == [Reversal.of(first, f"pi_{first.attempt_id}")]
    await shop.tell(payment_event(second))
    await shop.tell(payment_event(second, "payment_failed"))
    assert (await status(db), len(await told(db, "order.paid"))) == ("paid", 1)


async def test_giving_up_on_one_try_does_not_end_the_next_one(
    shop: Shop, db: Database, transact: Transact, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [Declined("card_declined"), NO_ANSWER]
    order_id = (await shop.order((cup, 1))).json()["order_id"]
    await transact(payments.abandon, order_id, provider.charges[0].attempt_id)
    assert await status(db) == "reserved"
    await shop.put(f"/v1/orders/{order_id}/payment", BY_AMEX)
    await transact(payments.abandon, order_id, provider.charges[0].attempt_id)
    assert await status(db) == "reserved"
    assert (await shop.put(f"/v1/orders/{order_id}/payment", BY_VISA)).status_code == 402
    assert problem(await shop.put(f"/v1/orders/{order_id}/payment", BY_OTHER)) == (409, "illegal-move")
    await grow_old(db, timedelta(minutes=16))
    await transact(payments.abandon, order_id, provider.charges[1].attempt_id)
    assert await status(db) == "cancelled"


async def test_an_answer_that_comes_when_another_card_is_tried_is_not_taken_for_that_ones(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [Declined("card_declined"), NO_ANSWER]
    provider.gate.clear()
    ordering = asyncio.create_task(shop.order((cup, 1)))

    async def asked() -> bool:
        return bool(provider.charges)

    await until(asked)
    await shop.tell(payment_event(provider.charges[0], "payment_failed"))
    found = await db.orders.find_one({})
    assert found
    paying = asyncio.create_task(shop.put(f"/v1/orders/{found['_id']}/payment", BY_AMEX))

    async def asked_again() -> bool:
        return len(provider.charges) == 2

    await until(asked_again)
    provider.gate.set()
    await ordering
    assert (await paying).json()["payment"]["state"] == "pending"
    assert (await status(db), len(await told(db, "declined"))) == ("reserved", 1)


async def test_without_an_answer_the_order_waits_and_a_later_question_settles_it_once(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [NO_ANSWER, NO_ANSWER]
    order = (await shop.order((cup, 1))).json()
    assert (order["status"], order["payment"]["state"]) == ("reserved", "pending")
    await checkout.settle_due(10)
    assert len(provider.charges) == 1, "it is not due yet"
    for _ in range(4):
        await make_due(db)
        await checkout.settle_due(10)
    assert (await shop.show(f"/v1/orders/{order['id']}")).json()["status"] == "paid"
    assert len(provider.charges) == 3
    assert len(set(provider.charges)) == 1, "the same question each time"
    assert len(await told(db, "order.paid")) == 1


async def test_questions_are_asked_later_and_later(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [NO_ANSWER] * 3
    await shop.order((cup, 1))
    waits = []
    for _ in range(2):
        await make_due(db)
        due = await db.orders.find_one({})
        await checkout.settle_due(10)
        put_off = await db.orders.find_one({})
        assert due
        assert put_off
        waits.append(put_off["check"]["at"] - due["check"]["at"])
    assert timedelta(seconds=4) < waits[0] < timedelta(seconds=8) < waits[1] < timedelta(seconds=13)


async def test_the_longest_due_is_asked_about_first(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [NO_ANSWER] * 3
    placed = [(await shop.order((cup, 1))).json()["id"] for _ in range(3)]
    await make_due(db)
    later = {"$set": {"check.at": {"$subtract": ["$check.at", 60_000]}}}
    await db.orders.update_one({"_id": placed[1]}, [later])
    assert await checkout.settle_due(1) is True
    assert provider.charges[-1].order_id == placed[1]


async def test_an_order_whose_payment_nobody_can_tell_about_is_cancelled_and_reversed(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [NO_ANSWER] * 3
    order = (await shop.order((cup, 2))).json()
    await make_due(db)
    await checkout.settle_due(10)
    assert await status(db) == "reserved"
    await grow_old(db, timedelta(minutes=16))
    await make_due(db)
    await checkout.settle_due(10)
    shown = (await shop.show(f"/v1/orders/{order['id']}")).json()
    assert (shown["status"], shown["history"][-1]["reason"]) == ("cancelled", "payment_timed_out")
    assert await left(db, cup) == 5

    provider.reversed = Reversed.UNKNOWN
    await checkout.reverse_due(10)
    assert provider.reversals == [], "the charge may still be on its way"
    for outcome in (Reversed.UNKNOWN, Reversed.REFUNDED, Reversed.REFUNDED):
        provider.reversed = outcome
        await make_due(db)
        await checkout.reverse_due(10)
    assert provider.reversals == [Reversal.of(provider.charges[0], None)] * 2


async def test_the_webhook_may_come_before_the_answer(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.gate.clear()
    ordering = asyncio.create_task(shop.order((cup, 1)))

    async def asked() -> bool:
        return bool(provider.charges)

    await until(asked)
    assert (await shop.tell(payment_event(provider.charges[0]))).status_code == 204
    assert await status(db) == "paid"
    provider.gate.set()
    assert (await ordering).json()["status"] == "paid"
    assert len(await told(db, "order.paid")) == 1


async def test_a_webhook_settles_what_was_not_answered_and_repeating_it_changes_nothing(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [NO_ANSWER]
    await shop.order((cup, 1))
    event = payment_event(provider.charges[0])
    answers = await asyncio.gather(*(shop.tell(event) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {204}
    assert await status(db) == "paid"
    assert len(await told(db, "order.paid")) == 1
    assert await db.payment_events.count_documents({"settled": True}) == 1


async def test_a_webhook_may_bring_the_decline(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [NO_ANSWER]
    await shop.order((cup, 1))
    await shop.tell(payment_event(provider.charges[0], "payment_failed"))
    assert (await status(db), await left(db, cup)) == ("reserved", 4)
    assert len(await told(db, "payment-declined")) == 1


async def test_webhooks_after_the_answer_and_out_of_order_change_nothing(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    await shop.order((cup, 1))
    for kind in ("payment_failed", "succeeded", "payment_failed"):
        assert (await shop.tell(payment_event(provider.charges[0], kind))).status_code == 204
    assert (await status(db), await left(db, cup)) == ("paid", 4)
    assert len(await told(db, "order")) == 2
    assert await db.payment_reversals.count_documents({}) == 0


async def test_money_that_was_taken_for_a_cancelled_order_goes_back_once(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [NO_ANSWER]
    await shop.order((cup, 1))
    await shop.tell(payment_event(provider.charges[0], "payment_failed"))
    found = await db.orders.find_one({})
    assert found
    await shop.put(f"/v1/orders/{found['_id']}/cancellation")
    for _ in range(2):
        await shop.tell(payment_event(provider.charges[0], "succeeded"))
        await checkout.reverse_due(10)
        await make_due(db)
    assert await status(db) == "cancelled"
    [reversal] = provider.reversals
    assert reversal.intent_id == f"pi_{provider.charges[0].attempt_id}"


async def test_an_answer_that_comes_after_the_decline_is_reversed(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, cup: Json
) -> None:
    provider.answers = [Captured("pi_late")]
    provider.gate.clear()
    ordering = asyncio.create_task(shop.order((cup, 1)))

    async def asked() -> bool:
        return bool(provider.charges)

    await until(asked)
    await shop.tell(payment_event(provider.charges[0], "payment_failed"))
    provider.gate.set()
    assert problem(await ordering) == (402, "payment-declined")
    await checkout.reverse_due(10)
    assert [each.intent_id for each in provider.reversals] == ["pi_late"]


async def test_a_webhook_about_an_unknown_order_is_kept(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    await shop.order((cup, 1))
    event = payment_event(provider.charges[0])
    event["data"]["object"]["metadata"]["order_id"] = "ord_unknown"
    assert (await shop.tell(event)).status_code == 204
    kept = await db.payment_events.find_one({"settled": False})
    assert kept
    assert (kept["_id"], kept["order_id"]) == (event["id"], "ord_unknown")


async def test_an_event_about_another_attempt_settles_nothing(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [NO_ANSWER]
    await shop.order((cup, 1))
    event = payment_event(provider.charges[0])
    event["data"]["object"]["metadata"]["attempt_id"] = "pay_other"
    assert (await shop.tell(event)).status_code == 204
    assert await status(db) == "reserved"


async def test_nobody_but_the_provider_is_believed(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json
) -> None:
    provider.answers = [NO_ANSWER]
    await shop.order((cup, 1))
    event = payment_event(provider.charges[0])
    assert problem(await shop.tell(event, secret="guessed")) == (403, "forged-webhook")
    assert problem(await shop.tell(event, age=301)) == (403, "forged-webhook")
    assert problem(await shop.http.post("/v1/payments/webhooks", json=event)) == (403, "forged-webhook")
    assert problem(await shop.tell({"type": "payment_intent.succeeded"})) == (400, "malformed-webhook")
    assert await status(db) == "reserved"
