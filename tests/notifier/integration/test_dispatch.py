"""Claim, send, record: each notification is sent once, and what nobody knows is settled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

from pymongo.asynchronous.database import AsyncDatabase

from shop_notifier.application import deliveries, dispatch
from shop_notifier.domain.notifications import Channel, News, Status
from shop_notifier.domain.sending import Accepted, Lost, Message, NotTaken, Outcome, Provider, Refused
from shop_notifier.jobs.dispatch import Dispatcher, Pace
from shop_notifier.jobs.settle import settle
from shop_notifier.store.unit_of_work import Transact
from tests.notifier.conftest import FakeProvider, queue_orders, until

Database = AsyncDatabase[dict[str, Any]]
PACE = Pace(concurrency=16, settle_within=timedelta(seconds=30), idle=timedelta(seconds=0.1))
AT_ONCE, NEVER = timedelta(0), timedelta(hours=1)


@asynccontextmanager
async def dispatching(
    transact: Transact, provider: Provider, pace: Pace = PACE, count: int = 1
) -> AsyncIterator[list[Dispatcher]]:
    dispatchers = [Dispatcher(Channel.EMAIL, provider, transact, pace) for _ in range(count)]
    stop = asyncio.Event()
    running = [asyncio.create_task(dispatcher.run(stop)) for dispatcher in dispatchers]
    try:
        yield dispatchers
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*running)


async def mails(db: Database) -> dict[str, int]:
    return dict(Counter([n["status"] async for n in db.notifications.find({"channel": "email"})]))


async def until_mails(db: Database, **wanted: int) -> None:
    async def reached() -> bool:
        return await mails(db) == wanted

    await until(reached)


async def test_two_dispatchers_send_each_of_100_once(db: Database, transact: Transact) -> None:
    await queue_orders(transact, 100)
    provider = FakeProvider(pause=0.005)
    async with dispatching(transact, provider, count=2):
        await until_mails(db, sent=100)
    assert len(provider.ids) == len(set(provider.ids)) == 100
    assert {n["attempts"] async for n in db.notifications.find({"channel": "email"})} == {1}


async def test_claims_and_records_are_made_in_batches(db: Database, transact: Transact) -> None:
    opened: Counter[str] = Counter()

    class Counting:
        read = transact.read

        async def __call__(self, work: Any, *args: Any) -> Any:
            opened[work.__name__] += 1
            return await transact(work, *args)

    await queue_orders(transact, 200)
    async with dispatching(cast(Transact, Counting()), FakeProvider(pause=0.005)):
        await until_mails(db, sent=200)
    assert opened["claim"] <= 200 / (PACE.concurrency / 4) + 10
    assert opened["record"] <= 100


async def test_what_is_queued_later_goes_out_when_the_dispatcher_is_woken(
    db: Database, transact: Transact
) -> None:
    slow = Pace(concurrency=4, settle_within=NEVER, idle=NEVER)
    async with dispatching(transact, FakeProvider(), slow) as (dispatcher,):
        await queue_orders(transact, 1)
        dispatcher.wake()
        await until_mails(db, sent=1)


async def test_a_message_carries_what_webhooks_and_readers_need(db: Database, transact: Transact) -> None:
    [order_id] = await queue_orders(transact, 1)
    provider = FakeProvider()
    async with dispatching(transact, provider):
        await until_mails(db, sent=1)
    [message] = provider.sent
    stored = await db.notifications.find_one({"channel": "email"})
    assert stored is not None
    assert stored["provider_id"] == "P1"
    assert message.address == "usr_1@example.com"
    assert message.tags == {
        "notification_id": stored["_id"],
        "order_id": order_id,
        "total_minor": "1234",
        "currency": "GBP",
    }
    assert "£12.34" in message.html


async def test_too_many_requests_pauses_the_channel_and_spends_no_attempt(
    db: Database, transact: Transact
) -> None:
    await queue_orders(transact, 3)
    provider = FakeProvider(*[NotTaken("too_many_requests", 0.3)] * 3)
    async with dispatching(transact, provider):
        await until_mails(db, sent=3)
    assert len(provider.sent) == 6
    assert provider.times[3] - provider.times[2] >= 0.3
    assert {n["attempts"] async for n in db.notifications.find({"channel": "email"})} == {1}


def test_a_provider_that_is_not_reached_is_left_alone_for_longer_and_longer() -> None:
    seconds = [dispatch.retry_delay(deferrals, None).total_seconds() for deferrals in (0, 1, 3, 9, 1000)]
    assert seconds == [1, 2, 8, 30, 30]


async def test_a_refusal_is_final(db: Database, transact: Transact) -> None:
    await queue_orders(transact, 1)
    async with dispatching(transact, FakeProvider(Refused("http_400"))):
        await until_mails(db, failed=1)
    await settle(transact, AT_ONCE, AT_ONCE)
    assert await mails(db) == {"failed": 1}


async def test_a_lost_answer_is_unknown_and_not_sent_again_before_its_deadline(
    db: Database, transact: Transact
) -> None:
    await queue_orders(transact, 1)
    provider = FakeProvider(Lost("timeout"))
    async with dispatching(transact, provider):
        await until_mails(db, unknown=1)
        await settle(transact, AT_ONCE, NEVER)
    assert len(provider.sent) == 1
    assert await mails(db) == {"unknown": 1}


async def test_a_crash_after_the_claim_is_settled_by_a_webhook(db: Database, transact: Transact) -> None:
    await queue_orders(transact, 1)
    [letter] = await transact(dispatch.claim, Channel.EMAIL, 10)
    await settle(transact, AT_ONCE, NEVER)
    assert await mails(db) == {"unknown": 1}
    news = [News("e1", letter.notification_id, Status.DELIVERED, "P1")]
    await transact(deliveries.hear, news)
    assert await mails(db) == {"delivered": 1}


async def test_a_crash_after_the_claim_is_settled_by_sending_again_at_the_deadline(
    db: Database, transact: Transact
) -> None:
    await queue_orders(transact, 1)
    await transact(dispatch.claim, Channel.EMAIL, 10)
    await settle(transact, AT_ONCE, AT_ONCE)
    provider = FakeProvider()
    async with dispatching(transact, provider):
        await until_mails(db, sent=1)
    assert len(provider.sent) == 1
    told = [row["value"] async for row in db.outbox.find({"key": provider.ids[0]}).sort("sequence")]
    assert [b'"unknown"' in value for value in told] == [False, True, False, False]


async def test_a_young_claim_is_left_to_its_holder(db: Database, transact: Transact) -> None:
    await queue_orders(transact, 1)
    await transact(dispatch.claim, Channel.EMAIL, 10)
    await settle(transact, timedelta(seconds=20), NEVER)
    assert await mails(db) == {"sending": 1}


async def test_a_report_that_comes_after_another_claim_changes_nothing(
    db: Database, transact: Transact
) -> None:
    await queue_orders(transact, 1)
    [first] = await transact(dispatch.claim, Channel.EMAIL, 10)
    await settle(transact, AT_ONCE, AT_ONCE)
    [second] = await transact(dispatch.claim, Channel.EMAIL, 10)
    late = dispatch.Report(first.notification_id, first.claim_id, Refused("late"))
    await transact(dispatch.record, [late], NEVER)
    assert await mails(db) == {"sending": 1}
    await transact(
        dispatch.record, [dispatch.Report(second.notification_id, second.claim_id, Accepted("P"))], NEVER
    )
    assert await mails(db) == {"sent": 1}


async def test_stopping_records_what_is_in_flight(db: Database, transact: Transact) -> None:
    await queue_orders(transact, 8)
    provider = FakeProvider(pause=0.2)
    async with dispatching(transact, provider):

        async def all_in_flight() -> bool:
            return len(provider.sent) == 8

        await until(all_in_flight)
    assert await mails(db) == {"sent": 8}


async def test_an_adapter_that_fails_leaves_the_outcome_unknown(db: Database, transact: Transact) -> None:
    class Broken:
        async def send(self, message: Message) -> Outcome:
            raise RuntimeError(message.address)

    await queue_orders(transact, 1)
    async with dispatching(transact, Broken()):
        await until_mails(db, unknown=1)


async def test_a_person_without_address_any_more_is_not_written_to(db: Database, transact: Transact) -> None:
    await queue_orders(transact, 1)
    await db.contacts.update_one({"_id": "usr_1"}, {"$set": {"points": []}})
    provider = FakeProvider()
    async with dispatching(transact, provider):
        await until_mails(db, failed=1)
    assert not provider.sent


async def test_equal_webhooks_at_once_count_once(db: Database, transact: Transact) -> None:
    await queue_orders(transact, 1)
    [letter] = await transact(dispatch.claim, Channel.EMAIL, 10)
    news = [
        News("e1", letter.notification_id, Status.SENT),
        News("e2", letter.notification_id, Status.BOUNCED),
    ]
    await asyncio.gather(*(transact(deliveries.hear, news) for _ in range(20)))
    assert await mails(db) == {"bounced": 1}
    assert await db.outbox.count_documents({"key": letter.notification_id}) == 3


async def test_what_says_nothing_new_is_sifted_out_and_strangers_are_counted(transact: Transact) -> None:
    await queue_orders(transact, 1)
    [letter] = await transact(dispatch.claim, Channel.EMAIL, 10)
    await transact(deliveries.hear, [News("e1", letter.notification_id, Status.DELIVERED)])
    late = News("e2", letter.notification_id, Status.SENT)
    bounce = News("e3", letter.notification_id, Status.BOUNCED)
    stranger = News("e4", "ntf_other", Status.DELIVERED)
    sifted = await transact.read(deliveries.sift, [late, bounce, stranger])
    assert (sifted.worth_hearing, sifted.strangers) == ([bounce], 1)
