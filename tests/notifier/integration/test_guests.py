"""Guests are mailed their code, and with each receipt the link to their orders; both are nowhere else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts.identity import ContactChanged, ContactPoint, GuestCodeIssued, GuestLinkIssued
from shop_events.errors import NotYet
from shop_events.unit_of_work import Transactor
from shop_notifier.adapters.seals import Seals
from shop_notifier.adapters.templates import Templates
from shop_notifier.adapters.unsubscribe_links import UnsubscribeLinks
from shop_notifier.application import dispatch, guests, inbox, receipts
from shop_notifier.domain.notifications import Channel
from shop_notifier.domain.sending import Message, Refused
from shop_notifier.store.unit_of_work import NotifierUnitOfWork, Transact
from tests.notifier.conftest import contact, order, tell_contact

pytestmark = pytest.mark.integration

Database = AsyncDatabase[dict[str, Any]]
CODE = "12345678"
TOKEN = "a-token-of-a-guest-that-nobody-else-has"
ADDRESS = "gwen@example.com"


def code(minutes: float = 10, address: str = ADDRESS) -> GuestCodeIssued:
    return GuestCodeIssued(
        user_id="usr_9",
        verification_id="ver_1",
        address=address,
        name="Gwen <3",
        code=CODE,
        expires_at=datetime.now(UTC) + timedelta(minutes=minutes),
    )


def link(token: str = TOKEN, age: timedelta = timedelta(), days: float = 90) -> GuestLinkIssued:
    issued_at = datetime.now(UTC) - age
    return GuestLinkIssued(
        user_id="usr_9",
        link_id="lnk_1",
        token=token,
        issued_at=issued_at,
        expires_at=issued_at + timedelta(days=days),
    )


async def tell_guest(transact: Transact) -> None:
    points = (ContactPoint(channel="email", address=ADDRESS, verified=True),)
    await tell_contact(transact, ContactChanged(user_id="usr_9", guest=True, points=points))


async def claimed(transact: Transact) -> list[Message | Refused]:
    return [letter.message for letter in await transact(dispatch.claim, Channel.EMAIL, 10)]


async def mail(transact: Transact) -> Message:
    (message,) = await claimed(transact)
    assert isinstance(message, Message), message
    return message


class Reader:
    """Who looks into an inbox."""

    user_id = "usr_9"
    roles = ("guest",)


async def stored(db: Database) -> str:
    names = await db.list_collection_names()
    return repr([[row async for row in db[name].find()] for name in sorted(names)])


async def test_a_code_is_mailed_once_to_the_address_it_is_for(transact: Transact) -> None:
    for _ in range(2):
        await transact(guests.queue_code, code())
    message = await mail(transact)
    assert message.address == ADDRESS
    assert "1234 5678" in message.text
    assert "Hello Gwen <3," in message.text
    assert "Gwen &lt;3" in message.html
    assert CODE not in message.subject
    assert message.tags.keys() == {"notification_id"}
    assert await claimed(transact) == []


async def test_what_waits_in_the_database_does_not_say_it(db: Database, transact: Transact) -> None:
    await transact(guests.queue_code, code())
    await transact(guests.keep_link, link())
    kept = await stored(db)
    assert not any(secret in kept for secret in (CODE, ADDRESS, "Gwen", TOKEN))
    assert CODE not in repr(await mail(transact))


async def test_a_code_is_no_entry_of_an_inbox(transact: Transact) -> None:
    await transact(guests.queue_code, code())
    assert (await transact(inbox.page, Reader(), 10)).entries == []


async def test_a_code_that_holds_no_more_is_not_mailed(db: Database, transact: Transact) -> None:
    await transact(guests.queue_code, code(minutes=-1))
    assert await db.notifications.count_documents({}) == 0
    await transact(guests.queue_code, code())
    over = datetime.now(UTC) - timedelta(seconds=1)
    await db.notifications.update_one({}, {"$set": {"content.expires_at": over}})
    assert await claimed(transact) == [Refused("expired")]


async def test_a_receipt_of_a_guest_carries_the_newest_link(transact: Transact) -> None:
    await tell_guest(transact)
    await transact(guests.keep_link, link("newer-token"))
    await transact(guests.keep_link, link("older-token", age=timedelta(days=3)))
    await transact(receipts.queue, order(user_id="usr_9"))
    message = await mail(transact)
    assert "http://localhost:8080/#/guest/newer-token" in message.text
    assert 'href="http://localhost:8080/#/guest/newer-token"' in message.html
    assert "older-token" not in message.text


async def test_the_link_is_in_the_mail_alone(db: Database, transact: Transact) -> None:
    await tell_guest(transact)
    await transact(guests.keep_link, link())
    await transact(receipts.queue, order(user_id="usr_9"))
    (entry,) = (await transact(inbox.page, Reader(), 10)).entries
    assert "#/guest" not in entry.body
    await mail(transact)
    assert TOKEN not in await stored(db)


async def test_a_receipt_waits_for_a_link_that_is_on_its_way(db: Database, transact: Transact) -> None:
    await tell_guest(transact)
    with pytest.raises(NotYet):
        await transact(receipts.queue, order(user_id="usr_9"))
    assert await db.notifications.count_documents({}) == 0
    await transact(guests.keep_link, link())
    await transact(receipts.queue, order(user_id="usr_9"))
    assert TOKEN in (await mail(transact)).text


async def test_a_receipt_goes_without_a_link_that_does_not_come(transact: Transact) -> None:
    await tell_guest(transact)
    paid_at = datetime.now(UTC) - timedelta(minutes=2)
    await transact(receipts.queue, order(user_id="usr_9").model_copy(update={"paid_at": paid_at}))
    assert "#/guest" not in (await mail(transact)).text


async def test_a_link_that_holds_no_more_is_not_mailed(transact: Transact) -> None:
    await tell_guest(transact)
    await transact(guests.keep_link, link(age=timedelta(days=2), days=1))
    paid_at = datetime.now(UTC) - timedelta(minutes=2)
    await transact(receipts.queue, order(user_id="usr_9").model_copy(update={"paid_at": paid_at}))
    assert "#/guest" not in (await mail(transact)).text


async def test_who_has_an_account_is_sent_no_link_and_waits_for_none(transact: Transact) -> None:
    await tell_contact(transact, contact("usr_9", sms=None))
    await transact(guests.keep_link, link())
    await transact(receipts.queue, order(user_id="usr_9"))
    assert "#/guest" not in (await mail(transact)).text


async def test_after_its_key_is_gone_a_code_fails_and_a_receipt_goes_without_link(
    db: Database, transact: Transact
) -> None:
    await tell_guest(transact)
    await transact(guests.queue_code, code())
    await transact(guests.keep_link, link())
    await transact(receipts.queue, order(user_id="usr_9"))
    found = await with_another_key(db)(dispatch.claim, Channel.EMAIL, 10)
    messages = [letter.message for letter in found]
    assert Refused("key_lost") in messages
    (receipt,) = [each for each in messages if isinstance(each, Message)]
    assert "#/guest" not in receipt.text


def with_another_key(db: Database) -> Transact:
    key = base64.urlsafe_b64encode(b"o" * 32).decode()
    links = UnsubscribeLinks([key], "http://shop.test")
    factory = partial(
        NotifierUnitOfWork, source="notifier", texts=Templates(), links=links, seals=Seals([key])
    )
    return Transactor(db.client, db, factory)
