"""The inbox through the gateway: live, one's own, with what all are told; and mail that one may end."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from shop_devstack.stack import StackInfo
from shop_events.contracts import Fact
from shop_events.contracts.analytics import ProductsSuggested, SuggestedProduct
from shop_events.envelope import encode, envelope_for
from tests.e2e.conftest import Person, Shop, eventually
from tests.listening import Listener

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

Database = AsyncDatabase[dict[str, Any]]
STREAM = "/v1/notifications/stream"


@asynccontextmanager
async def listening(shop: Shop, person: Person, after: str | None = None) -> AsyncIterator[Listener]:
    headers = person.headers | ({"Last-Event-ID": after} if after else {})
    async with shop.http.stream("GET", STREAM, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Listener(answer)


@pytest.fixture
async def notifier_db(running_stack: StackInfo) -> AsyncIterator[Database]:
    """What notifier knows: only to see how far it has come."""
    async with AsyncMongoClient[dict[str, Any]](running_stack.mongodb_url) as client:
        yield client[running_stack.databases["notifier"]]


async def test_a_purchase_appears_live_and_is_gone_on_with_after_a_break(shop: Shop) -> None:
    buyer, product = await shop.customer(), await shop.product()
    async with listening(shop, buyer) as listener:
        assert (await listener.next()).data == {"unread": 0}
        order = (await shop.order(buyer, product["id"])).json()
        told = await listener.next(30)
    assert told.event == "entry"
    assert told.data["entry"]["about"]["order_id"] == order["id"]
    assert told.data["unread"] == 1
    missed = (await shop.order(buyer, product["id"])).json()
    async with listening(shop, buyer, after=told.id) as listener:
        while (told := await listener.next(30)).event != "entry":
            pass
        assert told.data["entry"]["about"]["order_id"] == missed["id"]
        await shop.http.post(f"/v1/notifications/{told.data['entry']['id']}/read", headers=buyer.headers)
        assert (await listener.next(30)).data == {"unread": 1}


async def test_a_broadcast_reaches_two_customers_until_it_is_withdrawn(shop: Shop) -> None:
    administrator = await shop.administrator()
    customers = [await shop.customer() for _ in range(2)]
    headers = {**administrator.headers, "Idempotency-Key": secrets.token_hex(8)}
    said = {"title": "Sale", "body": "From Monday on.", "link": "#/"}
    async with AsyncExitStack() as open_streams:
        listeners = [await open_streams.enter_async_context(listening(shop, each)) for each in customers]
        for listener in listeners:
            await listener.next(30)
        made = (await shop.http.post("/v1/broadcasts", json=said, headers=headers)).json()
        for listener in listeners:
            told = await listener.next(30)
            assert (told.data["entry"]["title"], told.data["unread"]) == ("Sale", 1)
        for customer in customers:
            inbox = (await shop.http.get("/v1/notifications", headers=customer.headers)).json()
            assert [entry["id"] for entry in inbox["items"]] == [made["id"]]
        withdrawn = await shop.http.delete(f"/v1/broadcasts/{made['id']}", headers=headers)
        assert withdrawn.status_code == 204
        for listener in listeners:
            assert (await listener.next(30)).data == {"unread": 0}


async def test_nobody_reaches_the_inbox_of_another(shop: Shop) -> None:
    buyer, other, product = await shop.customer(), await shop.customer(), await shop.product()
    assert (await shop.http.get(STREAM)).status_code == 401
    async with listening(shop, buyer) as mine, listening(shop, other) as theirs:
        for listener in (mine, theirs):
            await listener.next(30)
        await shop.order(buyer, product["id"])
        told = await mine.next(30)
        read = await shop.http.post(
            f"/v1/notifications/{told.data['entry']['id']}/read", headers=other.headers
        )
        assert read.status_code == 404
        own = (await shop.order(other, product["id"])).json()
        heard = await theirs.next(30)
        assert heard.data["entry"]["about"]["order_id"] == own["id"], "nothing of the buyer's came before"
    async with listening(shop, other, after=told.id) as theirs:
        heard = await theirs.next(30)
        assert heard.data["entry"]["about"]["order_id"] == own["id"], "another's place leads to one's own"


async def test_a_stream_ends_with_the_login(shop: Shop) -> None:
    buyer = await shop.customer()
    async with listening(shop, buyer) as listener:
        await listener.next(30)
        await shop.http.post("/v1/auth/logout", headers=buyer.headers)
        assert await listener.rest(30) == []


async def agree(shop: Shop, person: Person, notifier_db: Database) -> None:
    """Turn marketing on and wait until notifier knows."""
    seen = await shop.http.get("/v1/users/me", headers=person.headers)
    assert seen.json()["marketing"] is False
    headers = {**person.headers, "If-Match": seen.headers["ETag"]}
    answer = await shop.http.patch("/v1/users/me", json={"marketing": True}, headers=headers)
    assert answer.json()["marketing"] is True

    async def is_known() -> bool:
        known = await notifier_db.contacts.find_one({"_id": person.id, "marketing_since": {"$ne": None}})
        return known is not None

    await eventually(is_known)


async def suggest(stack: StackInfo, notifier_db: Database, person: Person, product_id: str) -> str:
    """Suggest a product as analytics does; return the suggestion's id once notifier has dealt with it."""
    suggestion = ProductsSuggested(
        suggestion_id=secrets.token_hex(8),
        user_id=person.id,
        occasion="purchase",
        about_product_id=product_id,
        products=(SuggestedProduct(product_id=product_id, because="popular"),),
        at=datetime.now(UTC),
    )
    record = encode(envelope_for(Fact(suggestion, 1), "analytics"), suggestion)
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    topic = f"{stack.topic_prefix}{record.topic}"
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap_servers) as producer:
        await producer.send_and_wait(topic, record.value, record.key.encode(), headers=headers)

    async def is_done() -> bool:
        done = await notifier_db.inbox.find_one({"_id": f"suggestion:{suggestion.suggestion_id}"})
        return done is not None

    await eventually(is_done)
    return suggestion.suggestion_id


async def test_one_click_in_a_suggestion_mail_stops_the_next_one(
    shop: Shop, running_stack: StackInfo, notifier_db: Database
) -> None:
    reader, product = await shop.customer(), await shop.product()
    await agree(shop, reader, notifier_db)

    async def product_is_known() -> Any:
        return await notifier_db.products.find_one({"_id": product["id"], "available": True})

    await eventually(product_is_known)
    first = await suggest(running_stack, notifier_db, reader, product["id"])

    async def mail() -> Any:
        return await suggestion_mail(shop, reader.email)

    received = await eventually(mail)
    assert received["details"]["custom_args"]["suggestion_id"] == first
    headers = received["details"]["headers"]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<(\S+)>", headers["List-Unsubscribe"])
    assert link
    assert link[1].startswith(running_stack.gateway_url)
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(link[1])).status_code == 200
        assert await notifier_db.suppressions.count_documents({"user_id": reader.id}) == 0
        answer = await anybody.post(link[1], data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    await suggest(running_stack, notifier_db, reader, product["id"])
    assert await notifier_db.notifications.count_documents({"user_id": reader.id, "kind": "suggestion"}) == 1


async def suggestion_mail(shop: Shop, email: str) -> dict[str, Any] | None:
    """Return the one mail with a suggestion that an address was sent."""
    after: int | None = 0
    while after is not None:
        page = (
            await shop.sandbox.get("/sandbox/messages", params={"channel": "email", "after": after})
        ).json()
        for message in page["messages"]:
            mine: bool = message["recipient"] == email
            if mine and "suggestion_id" in message["details"].get("custom_args", {}):
                found: dict[str, Any] = message
                return found
        after = page["next"]
    return None
