"""What the test kit offers beyond the behaviours it shares with the real thing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from shop_events import clock
from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid, ProductChanged
from shop_events.errors import NotYet
from shop_events.handlers import Handler, Subscriptions, on
from shop_events.testing import Kit, Misuse, NotInMemory
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import GROUP, paid, product


def kit_of(*handlers: Handler[Any], **options: Any) -> Kit[UnitOfWork]:
    return Kit(Subscriptions(GROUP, handlers), **options)


class Mailbox:
    """A repository made for tests: it keeps its rows in an attribute."""

    def __init__(self) -> None:
        self.mails: list[str] = []


class MailUnitOfWork(UnitOfWork):
    """A unit of work whose repository is no database."""

    def __init__(self, db: Any, session: Any, mailbox: Mailbox) -> None:
        super().__init__(db, session, GROUP)
        self.mailbox = mailbox


async def test_a_unit_of_work_of_the_users_own_is_undone_with_its_transaction() -> None:
    mailbox = Mailbox()

    @on(OrderPaid, effect="receipt:{order_id}")
    async def mail(uow: MailUnitOfWork, event: OrderPaid) -> None:
        uow.mailbox.mails.append(event.order_id)
        if event.order_id == "ord_bad":
            raise RuntimeError

    kit = Kit(
        Subscriptions(GROUP, [mail]),
        lambda db, session: MailUnitOfWork(db, session, mailbox),
        state=[mailbox],
    )
    await kit.tell(paid("ord_1"), paid("ord_bad"), paid("ord_2"))
    assert mailbox.mails == ["ord_1", "ord_2"]
    assert [row.key for row in await kit.parked()] == ["ord_bad"]


async def test_a_handler_that_does_something_besides_its_transaction_is_found_out_by_conflicts() -> None:
    sent = []

    @on(OrderPaid, effect="receipt:{order_id}")
    async def sends(uow: UnitOfWork, event: OrderPaid) -> None:
        sent.append(event.order_id)

    await kit_of(sends).tell(paid("ord_1"))
    assert sent == ["ord_1"]
    await kit_of(sends, conflicts=2).tell(paid("ord_2"))
    assert sent == ["ord_1", "ord_2", "ord_2", "ord_2"]


async def test_each_retry_has_its_moment_and_the_handler_its_time() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    tried = []

    @on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(seconds=10))
    async def refuses(uow: UnitOfWork, event: OrderPaid) -> None:
        tried.append((clock.now() - start).total_seconds())
        raise NotYet("user")

    kit = kit_of(refuses, at=start)
    await kit.tell(paid("ord_1"))
    await kit.advance(timedelta(seconds=1))
    assert tried == sorted(tried)
    assert 3 <= len(tried) <= 6
    [waiting] = await kit.parked()
    assert (waiting.reason, waiting.tries) == ("NotYet: user", len(tried))
    assert waiting.due_at is not None
    assert waiting.due_at > kit.now == start + timedelta(seconds=1)
    await kit.advance(timedelta(hours=1))
    [letter] = kit.dead_letters
    assert (letter.tries, tried[-1] >= 10) == (len(tried), True)


async def test_what_a_handler_publishes_is_there_to_be_looked_at() -> None:
    @on(OrderPaid, effect="receipt:{order_id}")
    async def derive(uow: UnitOfWork, event: OrderPaid) -> None:
        uow.publish([Fact(product(f"prd_{event.order_id}"), 3)])

    kit = kit_of(derive)
    await kit.tell(paid("ord_1"))
    assert [event.product_id for event in kit.published(ProductChanged)] == ["prd_ord_1"]
    [received] = kit.received("catalog.products.v1")
    assert (received.envelope.sequence, received.envelope.source) == (3, GROUP)


async def test_a_use_case_is_tried_with_the_same_unit_of_work() -> None:
    async def place(uow: UnitOfWork, order_id: str) -> str:
        uow.publish([Fact(paid(order_id), 1)])
        return order_id

    kit = kit_of()
    assert await kit.transact(place, "ord_1") == "ord_1"
    await kit.settle()
    assert [event.order_id for event in kit.published(OrderPaid)] == ["ord_1"]


async def _unknown_operator(uow: UnitOfWork) -> None:
    await uow.db["x"].update_one({}, {"$bit": {"n": {"or": 1}}}, upsert=True, session=uow.session)


async def _unknown_method(uow: UnitOfWork) -> None:
    await uow.db["x"].aggregate([], session=uow.session)


async def _unknown_filter(uow: UnitOfWork) -> None:
    await uow.db["x"].insert_one({"n": 1}, session=uow.session)
    await uow.db["x"].find_one({"n": {"$regex": "x"}}, session=uow.session)


async def _without_session(uow: UnitOfWork) -> None:
    await uow.db["x"].insert_one({})


async def _after_an_error(uow: UnitOfWork) -> None:
    await uow.db["x"].insert_one({"_id": 1}, session=uow.session)
    try:
        await uow.db["x"].insert_one({"_id": 1}, session=uow.session)
    except DuplicateKeyError:
        return


@pytest.mark.parametrize(
    ("does", "error", "says"),
    [
        (_unknown_operator, NotInMemory, r"\$bit"),
        (_unknown_method, NotInMemory, "aggregate"),
        (_unknown_filter, NotInMemory, r"\$regex"),
        (_without_session, Misuse, "session=uow.session"),
        (_after_an_error, Misuse, "ends a transaction"),
    ],
)
async def test_what_cannot_be_told_or_would_go_wrong_fails_the_test_and_not_the_event(
    does: Any, error: type[Exception], says: str
) -> None:
    @on(OrderPaid, effect="receipt:{order_id}")
    async def handler(uow: UnitOfWork, event: OrderPaid) -> None:
        await does(uow)

    with pytest.raises(error, match=says):
        await kit_of(handler).tell(paid("ord_1"))
