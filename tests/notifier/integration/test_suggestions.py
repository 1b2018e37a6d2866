"""Mails that suggest products: to those who agree, only what can be bought, capped, ended by one click."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts import Fact, Money
from shop_events.contracts.analytics import ProductsSuggested, SuggestedProduct
from shop_events.contracts.catalog import ProductChanged, ProductDeleted
from shop_events.envelope import envelope_for
from shop_events.errors import NotYet
from shop_notifier.application import dispatch, products, suggestions
from shop_notifier.consumers import analytics
from shop_notifier.domain.notifications import Channel
from shop_notifier.domain.policies import Rules
from shop_notifier.domain.sending import Message, Refused
from shop_notifier.store.unit_of_work import NotifierUnitOfWork, Transact
from tests.notifier.conftest import contact, queue_orders, tell_contact, transactor, until
from tests.notifier.integration.conftest import World, sendgrid

Database = AsyncDatabase[dict[str, Any]]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
BOUGHT = SuggestedProduct(product_id="prd_2", because="bought-together", of_product_id="prd_1")
POPULAR = SuggestedProduct(product_id="prd_3", because="popular")
PATH = re.compile(r"/v1/unsubscribe/[\w-]+")


@pytest.fixture
async def reader(transact: Transact) -> str:
    """Somebody who agreed, in a shop with three products."""
    await tell_contact(transact, contact(marketing_since=LONG_AGO))
    for number, title in ((1, "Tea pot"), (2, "Cup & <saucer>"), (3, "Tray")):
        await tell_product(transact, product(f"prd_{number}", title))
    return "usr_1"


def product(id: str, title: str = "A thing", amount: int = 1999, available: bool = True) -> ProductChanged:
    price = Money(amount=amount, currency="GBP")
    return ProductChanged(product_id=id, sku=id, title=title, price=price, available=available)


async def tell_product(transact: Transact, event: ProductChanged | ProductDeleted, sequence: int = 1) -> None:
    async def handle(uow: NotifierUnitOfWork) -> None:
        uow.envelope = replace(envelope_for(Fact(event, sequence), "catalog"), sequence=sequence)
        if isinstance(event, ProductChanged):
            await products.keep(uow, event)
        else:
            await products.forget(uow, event)

    await transact(handle)


def suggested(
    id: str = "s1",
    shown: Sequence[SuggestedProduct] = (BOUGHT, POPULAR),
    *,
    at: datetime | None = None,
    occasion: Any = "purchase",
    user_id: str = "usr_1",
) -> ProductsSuggested:
    return ProductsSuggested(
        suggestion_id=id,
        user_id=user_id,
        occasion=occasion,
        about_product_id="prd_1",
        products=tuple(shown),
        at=at or datetime.now(UTC),
    )


async def queued(db: Database) -> int:
    return await db.notifications.count_documents({"kind": "suggestion"})


async def claim_one(transact: Transact) -> Message | Refused:
    [letter] = await transact(dispatch.claim, Channel.EMAIL, 10)
    return letter.message


async def mail(transact: Transact) -> Message:
    message = await claim_one(transact)
    assert isinstance(message, Message), message
    return message


def path_of(message: Message) -> str:
    found = PATH.search(message.headers["List-Unsubscribe"])
    assert found
    return found[0]


async def test_a_suggestion_names_products_prices_reasons_and_links(transact: Transact, reader: str) -> None:
    await transact(suggestions.queue, suggested())
    sent = await mail(transact)
    assert sent.subject == "Goes well with Tea pot"
    assert "Cup & <saucer>, £19.99" in sent.text
    assert "Often bought together with Tea pot" in sent.text
    assert "Popular at the moment" in sent.text
    assert "/#/products/prd_2" in sent.text
    assert "Cup &amp; &lt;saucer&gt;" in sent.html


async def test_after_views_it_speaks_of_what_was_looked_at(transact: Transact, reader: str) -> None:
    await transact(suggestions.queue, suggested(occasion="views"))
    sent = await mail(transact)
    assert sent.subject == "More like Tea pot"
    assert "you looked at Tea pot" in sent.text


@pytest.mark.parametrize(
    "because", ["bought-together", "also-viewed", "next-in-session", "buy-again", "popular"]
)
async def test_a_reason_that_names_an_unknown_product_is_worded_without_it(
    transact: Transact, reader: str, because: Any
) -> None:
    shown = SuggestedProduct(product_id="prd_2", because=because, of_product_id="prd_unknown")
    await transact(suggestions.queue, suggested(shown=[shown]))
    text = (await mail(transact)).text
    assert "None" not in text
    assert "prd_unknown" not in text


async def test_nobody_is_mailed_who_did_not_agree(db: Database, transact: Transact, reader: str) -> None:
    await tell_contact(transact, contact(), sequence=2)
    await transact(suggestions.queue, suggested())
    assert await queued(db) == 0


async def test_who_takes_back_the_consent_gets_no_mail_that_is_queued(
    db: Database, transact: Transact, reader: str
) -> None:
    await transact(suggestions.queue, suggested())
    await tell_contact(transact, contact(), sequence=2)
    assert await claim_one(transact) == Refused("unsubscribed")


async def test_a_suggestion_that_overtakes_its_user_has_to_wait(db: Database, transact: Transact) -> None:
    with pytest.raises(NotYet):
        await transact(suggestions.queue, suggested())
    assert await queued(db) == 0


async def test_what_is_gone_sold_out_or_unknown_is_left_out(transact: Transact, reader: str) -> None:
    await tell_product(transact, product("prd_2", available=False), 2)
    await tell_product(transact, product("prd_4"))
    await tell_product(transact, ProductDeleted(product_id="prd_4"), 2)
    ids = ("prd_2", "prd_3", "prd_4", "prd_5")
    shown = [SuggestedProduct(product_id=id, because="popular") for id in ids]
    await transact(suggestions.queue, suggested(shown=shown))
    text = (await mail(transact)).text
    assert re.findall(r"prd_\d", text) == ["prd_3"]


async def test_with_nothing_left_to_suggest_there_is_no_mail(
    db: Database, transact: Transact, reader: str
) -> None:
    await tell_product(transact, product("prd_2", available=False), 2)
    await transact(suggestions.queue, suggested(shown=[BOUGHT]))
    assert await queued(db) == 0


async def test_what_sells_out_before_the_mail_goes_out_is_not_in_it(transact: Transact, reader: str) -> None:
    await transact(suggestions.queue, suggested(shown=[BOUGHT]))
    await tell_product(transact, product("prd_2", available=False), 2)
    assert await claim_one(transact) == Refused("nothing_to_say")


async def test_one_suggestion_is_one_mail(db: Database, transact: Transact, reader: str) -> None:
    for _ in range(2):
        await transact(suggestions.queue, suggested())
    assert await queued(db) == 1
    assert analytics.products_suggested.effect_key(suggested()) == "suggestion:s1"


async def test_a_person_gets_only_so_many_also_when_they_come_at_once(
    db: Database, transact: Transact, reader: str
) -> None:
    await tell_contact(transact, contact("usr_2", marketing_since=LONG_AGO))
    await asyncio.gather(*(transact(suggestions.queue, suggested(f"s{number}")) for number in range(6)))
    await transact(suggestions.queue, suggested("t1", user_id="usr_2"))
    assert await db.notifications.count_documents({"user_id": "usr_1"}) == 2
    assert await db.notifications.count_documents({"user_id": "usr_2"}) == 1


async def test_after_the_period_there_may_be_more(db: Database, reader: str) -> None:
    brief = transactor(db, Rules(suggestions_per_person=1, suggestion_period=timedelta(0)))
    for number in range(3):
        await brief(suggestions.queue, suggested(f"s{number}"))
    assert await queued(db) == 3


async def test_an_old_suggestion_is_not_mailed(db: Database, transact: Transact, reader: str) -> None:
    await transact(suggestions.queue, suggested(at=datetime.now(UTC) - timedelta(days=2)))
    assert await queued(db) == 0


async def test_a_mail_can_be_unsubscribed_from_with_one_click(
    client: httpx.AsyncClient, db: Database, transact: Transact, reader: str
) -> None:
    await transact(suggestions.queue, suggested("s1"))
    first = await mail(transact)
    assert first.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    await transact(suggestions.queue, suggested("s2"))
    for _ in range(2):
        answer = await client.post(path_of(first), data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html")
        assert "You are unsubscribed" in answer.text
    assert await claim_one(transact) == Refused("unsubscribed")
    await db.quotas.delete_many({})
    await transact(suggestions.queue, suggested("s3"))
    assert await queued(db) == 2


async def test_looking_at_the_link_changes_nothing(
    client: httpx.AsyncClient, db: Database, transact: Transact, reader: str
) -> None:
    await transact(suggestions.queue, suggested())
    path = path_of(await mail(transact))
    answer = await client.get(path)
    assert answer.status_code == 200
    assert '<form method="post">' in answer.text
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert (await client.head(path)).status_code in (200, 405)
    assert await db.suppressions.count_documents({}) == 0


async def test_agreeing_again_outweighs_an_unsubscription(
    client: httpx.AsyncClient, db: Database, transact: Transact, reader: str
) -> None:
    await transact(suggestions.queue, suggested("s1"))
    await client.post(path_of(await mail(transact)))
    later = datetime.now(UTC) + timedelta(seconds=1)
    await tell_contact(transact, contact(marketing_since=later), sequence=2)
    await transact(suggestions.queue, suggested("s2"))
    assert await queued(db) == 2


async def test_a_link_says_nothing_of_its_reader_and_nobody_else_can_make_one(
    client: httpx.AsyncClient, db: Database, transact: Transact, reader: str
) -> None:
    await transact(suggestions.queue, suggested())
    path = path_of(await mail(transact))
    assert "usr_1" not in path
    changed = path[:-3] + ("AAA" if path[-3:] != "AAA" else "BBB")
    for wrong in (changed, "/v1/unsubscribe/usr_1", "/v1/unsubscribe/%C3%A4", f"{path}/more"):
        for answer in (await client.get(wrong), await client.post(wrong)):
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert await db.suppressions.count_documents({}) == 0


async def test_an_unsubscription_concerns_its_own_user_alone(
    client: httpx.AsyncClient, db: Database, transact: Transact, reader: str
) -> None:
    await transact(suggestions.queue, suggested())
    await client.post(path_of(await mail(transact)))
    await tell_contact(transact, contact("usr_2", marketing_since=LONG_AGO))
    await transact(suggestions.queue, suggested("t1", user_id="usr_2"))
    assert isinstance(await claim_one(transact), Message)


async def test_the_provider_is_given_the_headers(world: World, transact: Transact, reader: str) -> None:
    await transact(suggestions.queue, suggested())
    sent = await mail(transact)
    sender = sendgrid(world.sandbox_url)
    await sender.send(sent)

    async def received() -> Any:
        return (await world.sandbox.get("/sandbox/messages")).json()["messages"]

    async def arrived() -> bool:
        return bool(await received())

    await until(arrived)
    [message] = await received()
    assert message["details"]["headers"] == dict(sent.headers)


async def test_a_receipt_is_owed_and_cannot_be_unsubscribed_from(
    client: httpx.AsyncClient, transact: Transact, reader: str
) -> None:
    await transact(suggestions.queue, suggested())
    await client.post(path_of(await mail(transact)))
    await queue_orders(transact, 1)
    assert (await mail(transact)).headers == {}
