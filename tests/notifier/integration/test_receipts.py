"""A paid order becomes one notification on each channel its customer can be reached on, once."""

from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts import Fact
from shop_events.contracts.identity import ContactDeleted, UserDeleted
from shop_events.envelope import envelope_for
from shop_events.errors import NotYet
from shop_notifier.application import people, receipts
from shop_notifier.store.unit_of_work import NotifierUnitOfWork, Transact
from tests.notifier.conftest import contact, order, tell_contact

Database = AsyncDatabase[dict[str, Any]]


async def channels(db: Database) -> list[tuple[str, str]]:
    return sorted([(n["channel"], n["status"]) async for n in db.notifications.find()])


async def test_a_reachable_customer_gets_mail_message_and_inbox_entry(
    db: Database, transact: Transact
) -> None:
    await tell_contact(transact, contact())
    await transact(receipts.queue, order())
    assert await channels(db) == [("email", "queued"), ("site", "delivered"), ("sms", "queued")]
    told = [row["key"] async for row in db.outbox.find({"topic": "notifier.deliveries.v1"})]
    assert sorted(told) == sorted([n["_id"] async for n in db.notifications.find()])


async def test_a_customer_without_a_phone_gets_no_message(db: Database, transact: Transact) -> None:
    await tell_contact(transact, contact(sms=None))
    await transact(receipts.queue, order())
    assert await channels(db) == [("email", "queued"), ("site", "delivered")]


async def test_the_same_order_again_makes_nothing_new(db: Database, transact: Transact) -> None:
    await tell_contact(transact, contact())
    for _ in range(2):
        await transact(receipts.queue, order())
    assert await db.notifications.count_documents({}) == 3
    assert await db.outbox.count_documents({}) == 3


async def test_an_order_that_overtakes_its_customer_has_to_wait(db: Database, transact: Transact) -> None:
    with pytest.raises(NotYet):
        await transact(receipts.queue, order())
    assert await db.notifications.count_documents({}) == 0


async def test_nobody_waits_for_a_customer_who_has_left(db: Database, transact: Transact) -> None:
    async def leave(uow: NotifierUnitOfWork) -> None:
        for event in (UserDeleted(user_id="usr_1"), ContactDeleted(user_id="usr_1")):
            uow.envelope = envelope_for(Fact(event, 2), "identity")
            forget = people.forget_user if isinstance(event, UserDeleted) else people.forget_contact
            await forget(uow, event)  # type: ignore[arg-type]

    await tell_contact(transact, contact())
    await transact(leave)
    await transact(receipts.queue, order())
    assert await db.notifications.count_documents({}) == 0


async def test_queued_mail_holds_no_address(db: Database, transact: Transact) -> None:
    await tell_contact(transact, contact())
    await transact(receipts.queue, order())
    kept = [str(n) async for n in db.notifications.find({"channel": {"$ne": "site"}})]
    kept += [str(row) async for row in db.outbox.find()]
    assert not [text for text in kept if "example.com" in text or "+4477" in text]


async def test_older_contact_news_changes_nothing(db: Database, transact: Transact) -> None:
    await tell_contact(transact, contact(sms=None), sequence=5)
    await tell_contact(transact, contact(), sequence=4)
    await transact(receipts.queue, order())
    assert ("sms", "queued") not in await channels(db)
