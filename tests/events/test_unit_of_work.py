"""Transactions under contention."""

import asyncio

from shop_events.unit_of_work import Transactor, UnitOfWork
from tests.events.conftest import System


async def test_three_hundred_at_once_on_one_document_lose_nothing_and_starve_nobody(system: System) -> None:
    await system.db["hot"].insert_one({"_id": 1, "count": 0})
    transact = system.transact

    async def increment(uow: UnitOfWork) -> None:
        row = await uow.db["hot"].find_one({"_id": 1}, session=uow.session)
        assert row is not None
        await uow.db["hot"].update_one({"_id": 1}, {"$set": {"count": row["count"] + 1}}, session=uow.session)

    await asyncio.gather(*(transact(increment) for _ in range(300)))
    row = await system.db["hot"].find_one({"_id": 1})
    assert row is not None
    assert row["count"] == 300


async def test_a_failure_after_the_commit_does_not_make_the_work_look_undone(system: System) -> None:
    async def work(uow: UnitOfWork) -> str:
        await uow.db["x"].insert_one({}, session=uow.session)
        uow.on_commit.append(lambda: 1 / 0)
        return "done"

    assert await system.transact(work) == "done"
    assert await system.db["x"].count_documents({}) == 1


async def test_no_more_transactions_are_open_at_once_than_allowed(system: System) -> None:
    transact = Transactor(
        system.client, system.db, lambda db, session: UnitOfWork(db, session, "x"), at_once=3
    )
    inside = most = 0

    async def work(uow: UnitOfWork) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await uow.db["x"].insert_one({}, session=uow.session)
        inside -= 1

    await asyncio.gather(*(transact(work) for _ in range(30)))
    assert most == 3
