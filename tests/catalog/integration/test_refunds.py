"""Money given back by operators: in part or whole, never more than was taken, once however often told."""

import asyncio

import pytest

from shop_catalog.application.checkout import Checkout
from shop_catalog.domain.payments import RefundFailed, Repayment, Unknown
from tests.catalog.conftest import (
    Database,
    FakeProvider,
    Json,
    Shop,
    left,
    make_due,
    problem,
    refund_event,
    told,
)

pytestmark = pytest.mark.integration

SUPPORT = "usr_7:support"
POST = {"carrier": "Royal Mail"}


@pytest.fixture
async def cup(shop: Shop) -> Json:
    return await shop.sell(price=1000, stock=10)


@pytest.fixture
async def order(shop: Shop, cup: Json) -> Json:
    """Three cups of 10 pounds, paid."""
    bought: Json = (await shop.order((cup, 3))).json()
    assert bought["status"] == "paid"
    return bought


def pounds(amount: int) -> Json:
    return {"amount": {"amount": amount * 100, "currency": "GBP"}, "reason": "scratched"}


def pieces(cup: Json, count: int, **more: bool) -> Json:
    return {"lines": [{"product_id": cup["id"], "quantity": count}], "reason": "broken", **more}


async def refund(shop: Shop, order: Json, body: Json, key: str | None = None) -> Json:
    answer = await shop.post(f"/v1/orders/{order['id']}/refunds", body, SUPPORT, key)
    assert answer.status_code == 201, answer.text
    shown: Json = answer.json()
    return shown


def states(order: Json) -> tuple[str, list[str]]:
    return order["status"], [each["state"] for each in order["refunds"]]


async def test_parts_are_given_back_until_all_of_it_is(
    shop: Shop, db: Database, provider: FakeProvider, order: Json
) -> None:
    assert states(await refund(shop, order, pounds(10))) == ("paid", ["succeeded"])
    done = await refund(shop, order, {"reason": "lost"})
    assert states(done) == ("refunded", ["succeeded", "succeeded"])
    assert [each.amount.amount for each in provider.repayments] == [1000, 2000]
    assert {each.intent_id for each in provider.repayments} == {f"pi_{provider.charges[0].attempt_id}"}
    assert (done["history"][-1]["status"], done["history"][-1]["by"]) == ("refunded", "payment_provider")
    assert await told(db, "refunded") == [("catalog.order.refunded.v1", 3), ("catalog.order.refunded.v1", 4)]
    again = await shop.post(f"/v1/orders/{order['id']}/refunds", pounds(1), SUPPORT)
    assert problem(again) == (409, "illegal-move")


async def test_ten_refunds_at_once_give_back_no_more_than_was_taken(
    shop: Shop, provider: FakeProvider, order: Json
) -> None:
    path = f"/v1/orders/{order['id']}/refunds"
    answers = await asyncio.gather(*(shop.post(path, pounds(7), SUPPORT) for _ in range(10)))
    assert sorted(each.status_code for each in answers) == [201] * 4 + [409] * 6
    refused = next(each for each in answers if each.status_code == 409)
    assert problem(refused) == (409, "refund-too-large")
    assert refused.json()["left"] == {"amount": 200, "currency": "GBP"}
    assert sum(each.amount.amount for each in provider.repayments) == 2800


async def test_the_same_request_gives_back_once(shop: Shop, provider: FakeProvider, order: Json) -> None:
    shown = await asyncio.gather(*(refund(shop, order, pounds(10), "key") for _ in range(5)))
    assert {len(each["refunds"]) for each in shown} == {1}
    assert len(provider.repayments) == 1
    other = await shop.post(f"/v1/orders/{order['id']}/refunds", pounds(11), SUPPORT, "key")
    assert problem(other) == (422, "key-reused")


async def test_without_an_answer_a_refund_is_pending_and_is_asked_for_again_under_its_id(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, order: Json
) -> None:
    provider.refund_answers = [Unknown("timeout"), Unknown("timeout")]
    assert states(await refund(shop, order, {"reason": "lost"})) == ("paid", ["pending"])
    assert not await checkout.refund_due(10)
    assert len(provider.repayments) == 1, "it is not due yet"
    for _ in range(3):
        await make_due(db)
        await checkout.refund_due(10)
    assert len(provider.repayments) == 3
    assert len(set(provider.repayments)) == 1
    assert states((await shop.show(f"/v1/orders/{order['id']}")).json()) == ("refunded", ["succeeded"])
    assert len(await told(db, "refunded")) == 1


async def test_a_pending_refund_is_not_given_another_time(
    shop: Shop, provider: FakeProvider, order: Json
) -> None:
    provider.refund_answers = [Unknown("timeout")]
    await refund(shop, order, pounds(25))
    answer = await shop.post(f"/v1/orders/{order['id']}/refunds", pounds(6), SUPPORT)
    assert problem(answer) == (409, "refund-too-large")


@pytest.fixture
async def pending(shop: Shop, provider: FakeProvider, order: Json) -> Repayment:
    """A refund of all three cups, about which the provider has given no clear answer."""
    provider.refund_answers = [Unknown("timeout")]
    await refund(shop, order, {"reason": "lost"})
    return provider.repayments[0]


@pytest.mark.parametrize("told_as", [["succeeded"], ["succeeded"] * 3, ["pending", "succeeded", "pending"]])
async def test_the_webhook_settles_a_refund_whatever_comes_later_or_again(
    shop: Shop, db: Database, checkout: Checkout, pending: Repayment, told_as: list[str]
) -> None:
    for status in told_as:
        assert (await shop.tell(refund_event(pending, status))).status_code == 204
    await make_due(db)
    await checkout.refund_due(10)
    assert states((await shop.show(f"/v1/orders/{pending.order_id}")).json()) == ("refunded", ["succeeded"])
    assert len(await told(db, "refunded")) == 1
    assert await db.orders.count_documents({"refunding": True}) == 0


async def waiting(shop: Shop, token: str = SUPPORT) -> list[str]:
    """Return the orders of which a refund failed that nobody has seen to."""
    found = (await shop.show("/v1/orders?waiting_for=refund", token)).json()["items"]
    return [each["id"] for each in found]


@pytest.mark.parametrize("told_as", [["succeeded", "failed"], ["succeeded", "failed", "succeeded", "failed"]])
async def test_money_that_the_provider_takes_back_waits_for_somebody_to_see_to_it(
    shop: Shop, db: Database, provider: FakeProvider, pending: Repayment, told_as: list[str]
) -> None:
    for status in told_as:
        assert (await shop.tell(refund_event(pending, status))).status_code == 204
    path = f"/v1/orders/{pending.order_id}"
    shown = (await shop.show(path)).json()
    assert states(shown) == ("refunded", ["bounced"])
    assert [kind for kind, _ in await told(db, "refund")] == [
        "catalog.order.refunded.v1",
        "catalog.order.refund-failed.v1",
    ]
    assert await waiting(shop) == [pending.order_id]
    again = await shop.post(f"{path}/refunds", pounds(1), SUPPORT)
    assert problem(again) == (409, "illegal-move"), "nobody gives it a second time"

    seen = f"{path}/refunds/{shown['refunds'][0]['id']}/resolution"
    for _ in range(2):
        solved = await shop.put(seen, {"resolution": "by bank transfer"}, SUPPORT)
        assert solved.json()["refunds"][0]["resolution"] == "by bank transfer"
    assert problem(await shop.put(seen, {"resolution": "not at all"}, SUPPORT)) == (409, "illegal-move")
    assert (await waiting(shop), len(provider.repayments)) == ([], 1)


async def test_what_bounced_is_not_sent_and_not_restocked_again(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json, order: Json
) -> None:
    await refund(shop, order, pieces(cup, 2, restock=True))
    assert await left(db, cup) == 9
    for _ in range(2):
        await shop.tell(refund_event(provider.repayments[0], "failed"))
    sent = await shop.post(f"/v1/orders/{order['id']}/shipments", POST, SUPPORT)
    assert (sent.json()["status"], sent.json()["shipments"][0]["lines"][0]["quantity"]) == ("fulfilled", 1)
    assert await left(db, cup) == 9
    too_much = await shop.post(f"/v1/orders/{order['id']}/refunds", pounds(11), SUPPORT)
    assert problem(too_much) == (409, "refund-too-large")


async def test_a_refund_that_failed_stays_failed_and_waits_for_somebody(
    shop: Shop, db: Database, pending: Repayment
) -> None:
    for status in ("failed", "succeeded", "failed"):
        await shop.tell(refund_event(pending, status))
    path = f"/v1/orders/{pending.order_id}"
    assert states((await shop.show(path)).json()) == ("paid", ["failed"])
    assert [kind for kind, _ in await told(db, "refund")] == ["catalog.order.refund-failed.v1"]
    assert await waiting(shop) == [pending.order_id]


async def test_only_operators_see_to_a_refund_and_only_to_one_that_failed(
    shop: Shop, order: Json, provider: FakeProvider
) -> None:
    [given] = (await refund(shop, order, pounds(1)))["refunds"]
    path, said = f"/v1/orders/{order['id']}/refunds", {"resolution": "done"}
    assert problem(await shop.show("/v1/orders?waiting_for=refund", "usr_1")) == (403, "forbidden")
    assert problem(await shop.put(f"{path}/{given['id']}/resolution", said, "usr_1")) == (403, "forbidden")
    assert problem(await shop.put(f"{path}/{given['id']}/resolution", said, SUPPORT)) == (409, "illegal-move")
    assert problem(await shop.put(f"{path}/ref_none/resolution", said, SUPPORT)) == (404, "not-found")
    assert problem(await shop.put(f"{path}/{given['id']}/resolution", {}, SUPPORT)) == (422, "validation")


async def test_a_webhook_about_a_refund_that_nobody_knows_changes_nothing(
    shop: Shop, pending: Repayment
) -> None:
    for name in ("order_id", "refund_id"):
        stranger = refund_event(pending)
        stranger["data"]["object"]["metadata"][name] = "ref_nobodys"
        assert (await shop.tell(stranger)).status_code == 204
    nameless = refund_event(pending)
    del nameless["data"]["object"]["metadata"]
    assert (await shop.tell(nameless)).status_code == 204
    assert states((await shop.show(f"/v1/orders/{pending.order_id}")).json()) == ("paid", ["pending"])


async def test_what_the_provider_refuses_can_be_given_back_again(
    shop: Shop, db: Database, provider: FakeProvider, order: Json
) -> None:
    provider.refund_answers = [RefundFailed("expired_card")]
    assert states(await refund(shop, order, {"reason": "lost"})) == ("paid", ["failed"])
    assert await told(db, "refunded") == []
    assert states(await refund(shop, order, {"reason": "lost"})) == ("refunded", ["failed", "succeeded"])


async def test_what_is_refunded_by_piece_is_not_sent_and_goes_back_into_stock(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json, order: Json
) -> None:
    path = f"/v1/orders/{order['id']}"
    provider.refund_answers = [Unknown("timeout")]
    shown = await refund(shop, order, pieces(cup, 2, restock=True))
    assert (shown["refunds"][0]["amount"]["amount"], await left(db, cup)) == (2000, 7)
    too_many = await shop.post(f"{path}/shipments", {**POST, **_of(cup, 2)}, SUPPORT)
    assert problem(too_many) == (409, "too-many-pieces")
    sent = await shop.post(f"{path}/shipments", POST, SUPPORT)
    assert (sent.json()["status"], sent.json()["shipments"][0]["lines"][0]["quantity"]) == ("paid", 1)
    for _ in range(2):
        await shop.tell(refund_event(provider.repayments[0]))
    assert (await shop.show(path)).json()["status"] == "fulfilled"
    assert await left(db, cup) == 9
    [adjustment] = await db.stock_adjustments.find({"delta": 2}).to_list()
    assert adjustment["reason"] == f"refund {provider.repayments[0].refund_id}"


async def test_what_failed_to_be_refunded_is_sent_after_all(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json, order: Json
) -> None:
    provider.refund_answers = [RefundFailed("expired_card")]
    await refund(shop, order, pieces(cup, 2, restock=True))
    sent = await shop.post(f"/v1/orders/{order['id']}/shipments", POST, SUPPORT)
    assert sent.json()["status"] == "fulfilled"
    assert (sent.json()["shipments"][0]["lines"][0]["quantity"], await left(db, cup)) == (3, 7)


async def test_no_piece_is_refunded_twice(shop: Shop, cup: Json, order: Json) -> None:
    await refund(shop, order, pieces(cup, 2))
    answer = await shop.post(f"/v1/orders/{order['id']}/refunds", pieces(cup, 2), SUPPORT)
    assert problem(answer) == (409, "too-many-pieces")


async def test_only_operators_give_money_back(shop: Shop, provider: FakeProvider, order: Json) -> None:
    for token in ("usr_1", "usr_2", "usr_3:merchant"):
        answer = await shop.post(f"/v1/orders/{order['id']}/refunds", pounds(1), token)
        assert problem(answer) == (403, "forbidden")
    assert provider.repayments == []


async def test_what_was_not_paid_is_not_given_back(shop: Shop, provider: FakeProvider, cup: Json) -> None:
    reserved = (await shop.order((cup, 1), payment_method=None)).json()
    answer = await shop.post(f"/v1/orders/{reserved['id']}/refunds", pounds(1), SUPPORT)
    assert problem(answer) == (409, "illegal-move")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"amount": {"amount": 0, "currency": "GBP"}}, (409, "refund-too-large")),
        ({"amount": {"amount": -1, "currency": "GBP"}}, (422, "validation")),
        ({"amount": {"amount": 1.5, "currency": "GBP"}}, (422, "validation")),
        ({"amount": {"amount": 3001, "currency": "GBP"}}, (409, "refund-too-large")),
        ({"amount": {"amount": 1, "currency": "EUR"}}, (422, "mixed-currencies")),
        ({"lines": [{"product_id": "prd_none", "quantity": 1}]}, (422, "unknown-line")),
        ({"amount": {"amount": 1, "currency": "GBP"}, "restock": True}, (422, "validation")),
        ({"reason": ""}, (422, "validation")),
    ],
)
async def test_a_refund_that_cannot_be_is_refused(
    shop: Shop, provider: FakeProvider, order: Json, wrong: Json, expected: tuple[int, str]
) -> None:
    answer = await shop.post(f"/v1/orders/{order['id']}/refunds", {"reason": "lost", **wrong}, SUPPORT)
    assert problem(answer) == expected
    assert provider.repayments == []


def _of(cup: Json, count: int) -> Json:
    return {"lines": [{"product_id": cup["id"], "quantity": count}]}
