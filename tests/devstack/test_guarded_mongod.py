"""A MongoDB that wants a login: a service can do all it does in its own database, and nothing elsewhere."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import OperationFailure

from shop_devstack import mongod
from shop_devstack.logins import MongoLogins
from shop_devstack.settings import StackSettings
from shop_events import admin, migrations
from shop_events.consumer import Consumer
from shop_events.contracts import Fact, Money
from shop_events.contracts.catalog import OrderPaid
from shop_events.handlers import Subscriptions, on
from shop_events.kafka import KafkaSettings
from shop_events.relay import OutboxRelay
from shop_events.topics import SERVICES
from shop_events.unit_of_work import Transactor, UnitOfWork
from shop_notifier.store.inbox_tail import InboxTail

pytestmark = pytest.mark.integration

_REFUSED = "not authorized|requires authentication"


@dataclass
class Guarded:
    """The node, and how each service connects."""

    port: int
    logins: MongoLogins

    def client(self, user: str) -> AsyncMongoClient[Any]:
        return AsyncMongoClient(self.logins.by_service[user], tz_aware=True)

    @property
    def operator(self) -> str:
        return mongod.url(self.port, self.logins.users[-1])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded-mongod")
    settings = StackSettings(mongodb_url=None, kafka_bootstrap_servers="k:1")
    key = MongoLogins.choose(folder, settings, 0).key
    assert key
    with mongod.mongod_server(folder / "data", key=key) as address:
        port = int(address.split(":")[2].split("/")[0])
        logins = MongoLogins.choose(folder, settings, port)
        mongod.ensure_users(port, key, logins.users)
        yield Guarded(port, logins)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_makes_its_database_fit_and_makes_it_fit_again(
    guarded: Guarded, service: str
) -> None:
    composed = importlib.import_module(f"shop_{service}.main").SERVICE
    async with guarded.client(service) as client:
        db = client[f"shop_{service}"]
        for _ in range(2):
            await migrations.migrate(db)
            await composed.migrate(db)
        assert await db.list_collection_names()


async def test_notifier_hears_whose_inbox_changes_with_its_own_login(guarded: Guarded) -> None:
    heard: list[str | None] = []
    stop = asyncio.Event()
    async with guarded.client("notifier") as client:
        db = client["shop_notifier"]
        tail = asyncio.create_task(InboxTail(db, heard.append).run(stop))
        await until(lambda: heard == [None])
        await db.notifications.insert_one({"_id": "ntf_1", "user_id": "usr_1", "channel": "site"})
        await until(lambda: heard == [None, "usr_1"])
        stop.set()
        await tail


async def test_outbox_inbox_and_relay_work_with_the_service_s_login(
    guarded: Guarded, kafka_bootstrap: str, topic_prefix: str
) -> None:
    seen: list[str] = []

    @on(OrderPaid, effect="test:{order_id}")
    async def note(uow: UnitOfWork, event: OrderPaid) -> None:
        seen.append(event.order_id)

    paid = OrderPaid(
        order_id="ord_1", user_id="usr_1", lines=(), total=Money(amount=1, currency="GBP"),
        paid_at=datetime.now(UTC),
    )  # fmt: skip
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    await admin.ensure_topics(kafka)
    async with guarded.client("catalog") as catalog, guarded.client("notifier") as notifier:
        ours, theirs = catalog["shop_catalog"], notifier["shop_notifier"]
        await migrations.migrate(ours)
        await migrations.migrate(theirs)
        transact = Transactor(catalog, ours, lambda db, session: UnitOfWork(db, session, "catalog"))
        receive = Transactor(notifier, theirs, lambda db, session: UnitOfWork(db, session, "notifier"))
        relay = OutboxRelay(catalog, ours, kafka, "catalog")
        consumer = Consumer(theirs, kafka, Subscriptions("notifier", [note]), receive)

        async def tell(uow: UnitOfWork) -> None:
            uow.publish([Fact(paid, 1)])

        await transact(tell)  # swept
        stop = asyncio.Event()
        parts = [asyncio.create_task(part.run(stop)) for part in (relay, consumer)]
        await until(lambda: seen == ["ord_1"])
        await transact(tell)  # through the change stream; the effect's key is known
        async with asyncio.timeout(20):
            while await ours["outbox"].count_documents({}):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        stop.set()
        await asyncio.gather(*parts)


async def until(condition: Any, seconds: float = 20) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_and_writes_no_other_s_database(guarded: Guarded, service: str) -> None:
    async with guarded.client(service) as client:
        for other in ({*SERVICES} - {service}, {"admin"}, {"local"}):
            for name in other:
                db = client[f"shop_{name}" if name in SERVICES else name]
                with pytest.raises(OperationFailure, match=_REFUSED):
                    await db["users"].find_one()
                with pytest.raises(OperationFailure, match=_REFUSED):
                    await db["users"].insert_one({})
                with pytest.raises(OperationFailure, match=_REFUSED):
                    await db.list_collection_names()
        with pytest.raises(OperationFailure, match=_REFUSED):
            await client[f"shop_{service}"].command("createUser", "more", pwd="x", roles=["readWrite"])
        assert await client.list_database_names() in ([], [f"shop_{service}"])


async def test_who_has_no_login_or_a_wrong_one_is_refused(guarded: Guarded) -> None:
    async with AsyncMongoClient[Any](guarded.logins.address) as nobody:
        with pytest.raises(OperationFailure, match=_REFUSED):
            await nobody["shop_catalog"]["orders"].find_one()
    wrong = mongod.url(guarded.port, mongod.User("catalog", SecretStr("wrong"), "shop_catalog"))
    async with AsyncMongoClient[Any](wrong) as mistaken:
        with pytest.raises(OperationFailure, match="Authentication failed"):
            await mistaken["shop_catalog"]["orders"].find_one()


async def test_the_operator_sees_all_databases(guarded: Guarded) -> None:
    async with guarded.client("catalog") as client:
        await client["shop_catalog"]["seen"].insert_one({})
    async with AsyncMongoClient[Any](guarded.operator) as operator:
        assert await operator["shop_catalog"]["seen"].find_one()


def test_a_folder_from_before_logins_is_taken_over_and_so_is_one_whose_passwords_were_lost(
    tmp_path: Path,
) -> None:
    with mongod.mongod_server(tmp_path) as address, MongoClient[Any](address) as client:
        client["shop_catalog"]["kept"].insert_one({"_id": 1})
    for _ in range(2):  # the second time with a new key and new passwords
        key = SecretStr(secrets.token_hex(24))
        user = mongod.User("catalog", SecretStr(secrets.token_hex(8)), "shop_catalog")
        with mongod.mongod_server(tmp_path, key=key) as address:
            port = int(address.split(":")[2].split("/")[0])
            mongod.ensure_users(port, key, [user])
            with MongoClient[Any](mongod.url(port, user)) as client:
                assert client["shop_catalog"]["kept"].find_one() == {"_id": 1}
