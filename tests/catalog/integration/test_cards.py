"""A saved card pays for its owner's orders, and for nobody else's."""

import pytest

from shop_catalog import consumers
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.contracts import Fact
from shop_events.contracts.identity import PaymentMethod, PaymentMethodsChanged, PaymentMethodsDeleted
from shop_events.envelope import envelope_for
from tests.catalog.conftest import Database, FakeProvider, Shop, bearer, problem

pytestmark = pytest.mark.integration

CARD = "card_0123456789abcdef0123456789abcdef"
TOKEN = "pm_of_ann"


async def hear(
    transact: Transact, event: PaymentMethodsChanged | PaymentMethodsDeleted, sequence: int
) -> None:
    async def work(uow: CatalogUnitOfWork) -> None:
        uow.envelope = envelope_for(Fact(event, sequence), "identity")
        if isinstance(event, PaymentMethodsChanged):
            await consumers.cards_changed(uow, event)
        else:
            await consumers.cards_deleted(uow, event)

    await transact(work)


def cards_of(user_id: str, *cards: tuple[str, str]) -> PaymentMethodsChanged:
    methods = tuple(
        PaymentMethod(id=card, token=token, brand="visa", last_four="4242") for card, token in cards
    )
    return PaymentMethodsChanged(user_id=user_id, methods=methods)


async def test_a_saved_card_is_charged_by_the_providers_token(
    shop: Shop, transact: Transact, provider: FakeProvider
) -> None:
    await hear(transact, cards_of("usr_1", (CARD, TOKEN)), 1)
    answer = await shop.order((await shop.sell(), 1), payment_method=CARD)
    assert (answer.status_code, answer.json()["status"]) == (201, "paid")
    assert [charge.method for charge in provider.charges] == [TOKEN]


@pytest.mark.parametrize("method", [CARD, TOKEN])
async def test_nobody_else_pays_with_it_whether_by_id_or_by_token(
    shop: Shop, transact: Transact, provider: FakeProvider, db: Database, method: str
) -> None:
    await hear(transact, cards_of("usr_1", (CARD, TOKEN)), 1)
    product = await shop.sell(stock=1)
    answer = await shop.order((product, 1), user="usr_2", payment_method=method)
    assert problem(answer) == (422, "unknown-payment-method")
    assert not provider.charges
    assert await db.orders.count_documents({}) == 0
    assert (await shop.order((product, 1), user="usr_1", payment_method=method)).status_code == 201


async def test_an_order_that_waits_is_paid_with_its_customers_card_alone(
    shop: Shop, transact: Transact, provider: FakeProvider
) -> None:
    await hear(transact, cards_of("usr_2", (CARD, TOKEN)), 1)
    order = (await shop.order((await shop.sell(), 1), payment_method=None)).json()
    path, token = f"/v1/orders/{order['id']}/payment", bearer("usr_1")
    answer = await shop.http.put(path, json={"payment_method": CARD}, headers=token)
    assert problem(answer) == (422, "unknown-payment-method")
    await hear(transact, cards_of("usr_1", ("card_2", "pm_2")), 1)
    for _ in range(2):  # saying it again pays once
        answer = await shop.http.put(path, json={"payment_method": "card_2"}, headers=token)
        assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert [charge.method for charge in provider.charges] == ["pm_2"]


async def test_a_card_that_was_removed_is_refused_and_late_news_does_not_bring_it_back(
    shop: Shop, transact: Transact
) -> None:
    await hear(transact, cards_of("usr_1", (CARD, TOKEN)), 1)
    await hear(transact, PaymentMethodsDeleted(user_id="usr_1"), 3)
    await hear(transact, cards_of("usr_1", (CARD, TOKEN)), 2)
    answer = await shop.order((await shop.sell(), 1), payment_method=CARD)
    assert problem(answer) == (422, "unknown-payment-method")


async def test_an_order_keeps_its_card_when_the_request_comes_again_after_it_was_removed(
    shop: Shop, transact: Transact, provider: FakeProvider
) -> None:
    await hear(transact, cards_of("usr_1", (CARD, TOKEN)), 1)
    product = await shop.sell()
    first = await shop.order((product, 1), key="once", payment_method=CARD)
    await hear(transact, cards_of("usr_1"), 2)
    again = await shop.order((product, 1), key="once", payment_method=CARD)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert len(provider.charges) == 1


async def test_a_payment_that_is_asked_for_again_after_its_card_was_removed_is_answered_as_before(
    shop: Shop, transact: Transact, provider: FakeProvider
) -> None:
    await hear(transact, cards_of("usr_1", (CARD, TOKEN)), 1)
    order = (await shop.order((await shop.sell(), 1), payment_method=None)).json()
    path, token = f"/v1/orders/{order['id']}/payment", bearer("usr_1")
    first = await shop.http.put(path, json={"payment_method": CARD}, headers=token)
    await hear(transact, cards_of("usr_1"), 2)
    again = await shop.http.put(path, json={"payment_method": CARD}, headers=token)
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(provider.charges) == 1
