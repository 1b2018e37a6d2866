"""A broker that wants a login: everybody can do what the registry says, and nothing else; over TLS too."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from pydantic import SecretStr
from pymongo import AsyncMongoClient

from shop_analytics.main import STREAMS_GROUP
from shop_analytics.streams.worker import Stream, StreamWorker
from shop_devstack import events, kafka, ports
from shop_devstack.stack import StackInfo
from shop_events import admin, migrations
from shop_events.access import ANALYST, OPERATOR, PRINCIPALS, Operation, Resource, access_list
from shop_events.compacted_view import CompactedView
from shop_events.consumer import Consumer
from shop_events.contracts import Fact, Money
from shop_events.contracts.catalog import OrderPaid, ProductChanged
from shop_events.envelope import Message
from shop_events.handlers import Subscriptions, on
from shop_events.kafka import KafkaSettings
from shop_events.outbox import OUTBOX, row_of
from shop_events.relay import OutboxRelay
from shop_events.topics import SERVICES, outbox_transactions
from shop_events.unit_of_work import Transactor, UnitOfWork
from tests.devstack.certificates import Authority

pytestmark = pytest.mark.integration

PREFIX = "guarded."


@dataclass
class Guarded:
    """The broker, and how to connect to each of its listeners."""

    broker: kafka.Broker
    passwords: dict[str, SecretStr]
    authority: Authority
    tls: str
    sasl_tls: str

    def login(self, user: str, **changes: Any) -> KafkaSettings:
        """Return a connection with name and password."""
        values = {
            "bootstrap_servers": self.broker.bootstrap,
            "topic_prefix": PREFIX,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_username": user,
            "sasl_password": self.passwords.get(user),
        }
        return KafkaSettings.model_validate({**values, **changes})

    def certified(self, user: str, authority: Authority | None = None) -> KafkaSettings:
        """Return a connection with a client certificate and no password."""
        certificate, key = (authority or self.authority).issue(user)
        return KafkaSettings(
            bootstrap_servers=self.tls,
            topic_prefix=PREFIX,
            security_protocol="SSL",
            ssl_cafile=str(self.authority.file),
            ssl_certfile=str(certificate),
            ssl_keyfile=str(key),
        )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority.founded(folder / "ca")
    broker = kafka.a_broker(folder / "kafka", password=SecretStr(secrets.token_urlsafe(12)))
    tls, sasl_tls = (f"{ports.LOOPBACK}:{port}" for port in ports.free_ports(2))
    broker.prepare()
    with (broker.data_dir / "server.properties").open("a") as properties:
        properties.write(tls_properties(broker, authority, tls, sasl_tls))
    with kafka.running(broker):
        passwords = {name: SecretStr(secrets.token_urlsafe(12)) for name in PRINCIPALS}
        root = broker.root.model_copy(update={"topic_prefix": PREFIX})
        admin.ensure_users(root, passwords)
        admin.ensure_access(root)
        found = Guarded(broker, passwords, authority, tls, sasl_tls)
        asyncio.run(admin.ensure_topics(found.login(OPERATOR)))
        yield found


def tls_properties(broker: kafka.Broker, authority: Authority, tls: str, sasl_tls: str) -> str:
    """Return settings that add two listeners: one for client certificates, one for SCRAM over TLS."""
    certificate, key = authority.issue("broker")
    keystore = authority.folder / "keystore.pem"
    keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
    clients, controller = f"CLIENTS://{broker.bootstrap}", f"{ports.LOOPBACK}:{broker.controller_port}"
    more = f"TLS://{tls},SASLTLS://{sasl_tls}"
    protocols = "CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    settings = {
        "listeners": f"{clients},CONTROLLER://{controller},{more}",
        "advertised.listeners": f"{clients},{more}",
        "listener.security.protocol.map": protocols,
        "listener.name.sasltls.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasltls.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.tls.ssl.client.auth": "required",
        "listener.name.tls.ssl.principal.mapping.rules": "RULE:^CN=([a-z]+)$/$1/",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.file,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


async def produce(connection: KafkaSettings, topic: str, **options: Any) -> None:
    async with AIOKafkaProducer(**connection.connection(), **options) as producer:
        await producer.send_and_wait(connection.named(topic), b"{}", key=b"k")


async def first_record(connection: KafkaSettings, topic: str, group: str | None = None) -> Any:
    """Return the oldest record of a topic that has one."""
    consumer = AIOKafkaConsumer(
        connection.named(topic),
        **connection.connection(),
        auto_offset_reset="earliest",
        group_id=group and connection.named(group),
    )
    try:
        await consumer.start()
        return await asyncio.wait_for(consumer.getone(), 20)
    finally:
        await consumer.stop()


async def eventually(condition: Any, seconds: float = 20) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def granted(principal: str, operation: Operation, resource: Resource) -> list[str]:
    return sorted(
        grant.name
        for grant in access_list()
        if (grant.principal, grant.operation, grant.resource) == (principal, operation, resource)
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_writes_its_topics_in_its_outbox_s_transactions(
    guarded: Guarded, service: str
) -> None:
    own = guarded.login(service)
    async with (
        AIOKafkaProducer(
            **own.connection(), transactional_id=own.named(outbox_transactions(service))
        ) as producer,
        producer.transaction(),
    ):
        for topic in granted(service, Operation.WRITE, Resource.TOPIC):
            await producer.send_and_wait(own.named(topic), b"{}", key=b"k")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_its_topics_in_its_group_and_commits(guarded: Guarded, service: str) -> None:
    own = guarded.login(service)
    wanted = [own.named(topic) for topic in granted(service, Operation.READ, Resource.TOPIC)]
    async with AIOKafkaConsumer(
        *wanted, **own.connection(), group_id=own.named(f"{service}.all"), enable_auto_commit=False
    ) as consumer:
        await eventually(lambda: {place.topic for place in consumer.assignment()} == set(wanted))
        await consumer.getmany(timeout_ms=100)
        places = {place: await consumer.position(place) for place in consumer.assignment()}
        await consumer.commit(places)


async def test_relay_consumer_and_view_work_each_with_its_service_s_login(
    guarded: Guarded, mongo_url: str, database_name: str
) -> None:
    seen: list[str] = []

    @on(OrderPaid, effect="test:{order_id}")
    async def note(uow: UnitOfWork, event: OrderPaid) -> None:
        seen.append(event.order_id)

    paid = OrderPaid(
        order_id="ord_1", user_id="usr_1", lines=(), total=Money(amount=1, currency="GBP"),
        paid_at=datetime.now(UTC),
    )  # fmt: skip
    product = ProductChanged(product_id="prd_1", sku="a", title="a lamp", price=paid.total, available=True)
    async with AsyncMongoClient[Any](mongo_url, tz_aware=True) as client:
        ours, theirs = client[f"{database_name}_catalog"], client[f"{database_name}_notifier"]
        await migrations.migrate(ours)
        await migrations.migrate(theirs)
        transact = Transactor(client, ours, lambda db, session: UnitOfWork(db, session, "catalog"))
        receive = Transactor(client, theirs, lambda db, session: UnitOfWork(db, session, "notifier"))
        relay = OutboxRelay(client, ours, guarded.login("catalog"), "catalog")
        consumer = Consumer(theirs, guarded.login("notifier"), Subscriptions("notifier", [note]), receive)
        view = CompactedView(guarded.login("session"), ProductChanged)
        stop = asyncio.Event()
        parts = [asyncio.create_task(part.run(stop)) for part in (relay, consumer, view)]

        async def tell(uow: UnitOfWork) -> None:
            uow.publish([Fact(paid, 1), Fact(product, 1)])

        await transact(tell)
        await eventually(lambda: seen == ["ord_1"] and view.get("prd_1"))
        stop.set()
        await asyncio.gather(*parts)
        await client.drop_database(ours)
        await client.drop_database(theirs)


async def test_a_row_for_a_topic_of_somebody_else_holds_up_no_other_topic_and_is_told_of(
    guarded: Guarded, mongo_url: str, database_name: str
) -> None:
    async with AsyncMongoClient[Any](mongo_url, tz_aware=True) as client:
        db = client[f"{database_name}_catalog"]
        await migrations.migrate(db)
        for topic in ("catalog.searches.v1", "identity.keys.v1", "identity.links.v1", "catalog.reviews.v1"):
            await db[OUTBOX].insert_one(row_of(Message(topic, "mine or not", {}, b"{}")))
        relay = OutboxRelay(client, db, guarded.login("catalog"), "catalog")
        stop = asyncio.Event()
        running = asyncio.create_task(relay.run(stop))
        await eventually(lambda: relay.problem)
        while await db[OUTBOX].count_documents({"topic": {"$regex": "^catalog"}}):
            assert not running.done()
        assert "identity.keys.v1: TopicAuthorizationFailedError" in (relay.problem or "")
        assert "identity.links.v1: TopicAuthorizationFailedError" in (relay.problem or "")
        assert not relay.healthy
        stop.set()
        await running
        assert await db[OUTBOX].count_documents({"topic": {"$regex": "^identity"}}) == 2
        await client.drop_database(db)


async def test_the_streams_of_analytics_read_with_its_login(guarded: Guarded) -> None:
    seen: list[str] = []

    async def handle(records: Any) -> None:
        seen.extend(record.message.key for record in records)

    async def from_the_start(places: Any) -> dict[Any, int]:
        return dict.fromkeys(places, 0)

    stream = Stream("orders", "catalog.orders.v1", handle)
    worker = StreamWorker(guarded.login("analytics"), STREAMS_GROUP, [stream], from_the_start)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await produce(guarded.login("catalog"), "catalog.orders.v1")
    await eventually(lambda: "k" in seen, 40)
    stop.set()
    await running


async def test_nobody_reads_a_closed_topic_that_they_are_not_named_for(guarded: Guarded) -> None:
    for user in ("catalog", "identity", ANALYST):
        with pytest.raises(TopicAuthorizationFailedError):
            await first_record(guarded.login(user), "identity.contacts.v1")


async def test_nobody_writes_another_s_topic_or_uses_its_group_or_outbox(guarded: Guarded) -> None:
    catalog = guarded.login("catalog")
    with pytest.raises(TopicAuthorizationFailedError):
        await produce(catalog, "identity.keys.v1")
    with pytest.raises(TopicAuthorizationFailedError):
        await produce(guarded.login(ANALYST), "catalog.orders.v1")
    with pytest.raises(TransactionalIdAuthorizationFailed):
        async with AIOKafkaProducer(
            **catalog.connection(), transactional_id=catalog.named(outbox_transactions("identity"))
        ):
            pass
    with pytest.raises(GroupAuthorizationFailedError):
        await first_record(catalog, "analytics.scores.v1", group="notifier")


async def test_another_s_topics_are_not_even_listed(guarded: Guarded) -> None:
    connected = AIOKafkaAdminClient(**guarded.login(ANALYST).connection())
    await connected.start()
    listed = {name.removeprefix(PREFIX) for name in await connected.list_topics()}
    await connected.close()
    assert listed == set(granted(ANALYST, Operation.READ, Resource.TOPIC))


@pytest.mark.parametrize(
    "changes",
    [
        {"security_protocol": "PLAINTEXT"},
        {"sasl_password": "wrong"},
        {"sasl_username": "nobody", "sasl_password": "x"},
        {"sasl_mechanism": "PLAIN"},
    ],
    ids=["no login", "wrong password", "unknown user", "right password, as the broker itself would"],
)
async def test_who_has_no_login_is_refused(guarded: Guarded, changes: dict[str, str]) -> None:
    with pytest.raises(KafkaError):
        await produce(guarded.login("catalog", **changes), "catalog.orders.v1", request_timeout_ms=2000)


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
async def test_the_controller_s_listener_takes_no_client(guarded: Guarded, protocol: str) -> None:
    address = f"{ports.LOOPBACK}:{guarded.broker.controller_port}"
    settings = guarded.login(OPERATOR, bootstrap_servers=address, security_protocol=protocol)
    client = AIOKafkaAdminClient(**settings.connection(), request_timeout_ms=2000)
    with pytest.raises(KafkaConnectionError):
        await client.start()
    await client.close()


async def test_a_client_certificate_is_a_login(guarded: Guarded) -> None:
    catalog = guarded.certified("catalog")
    await produce(catalog, "catalog.stock.v1")
    assert (await first_record(guarded.certified("notifier"), "catalog.stock.v1")).value == b"{}"
    with pytest.raises(TopicAuthorizationFailedError):
        await first_record(catalog, "identity.contacts.v1")


async def test_a_certificate_of_another_authority_or_none_is_refused(
    guarded: Guarded, tmp_path: Path
) -> None:
    stranger = Authority.founded(tmp_path / "strangers")
    forged = guarded.certified("catalog", stranger)
    bare = forged.model_copy(update={"ssl_certfile": None, "ssl_keyfile": None})
    for settings in (forged, bare):
        with pytest.raises(KafkaError):
            await produce(settings, "catalog.stock.v1", request_timeout_ms=2000)


async def test_a_broker_whose_certificate_is_not_trusted_learns_no_password(
    guarded: Guarded, tmp_path: Path
) -> None:
    encrypted = {"bootstrap_servers": guarded.sasl_tls, "security_protocol": "SASL_SSL"}
    trusting = guarded.login("catalog", **encrypted, ssl_cafile=str(guarded.authority.file))
    await produce(trusting, "catalog.stock.v1")
    stranger = Authority.founded(tmp_path / "strangers")
    doubting = guarded.login("catalog", **encrypted, ssl_cafile=str(stranger.file))
    with pytest.raises(KafkaError):
        await produce(doubting, "catalog.stock.v1", request_timeout_ms=2000)


def stack_of(guarded: Guarded) -> StackInfo:
    return StackInfo(
        folder=Path("/nowhere"),
        supervisor_pid=0,
        gateway_url="",
        sandbox_url="",
        service_urls={},
        databases={},
        mongodb_url="",
        kafka_bootstrap_servers=guarded.broker.bootstrap,
        kafka={name: guarded.login(name) for name in (OPERATOR, ANALYST)},
        topic_prefix=PREFIX,
        ports={},
        pids={},
    )


async def shop_events(info: StackInfo, principal: str, *words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sysconfig.get_path("scripts")) / "shop-events"
    environment = {**os.environ, **events.environment(info, principal)}
    return await asyncio.to_thread(
        subprocess.run, [program, *words], env=environment, capture_output=True, text=True, timeout=60
    )


async def test_the_tail_reads_as_the_analyst_and_the_broker_refuses_it_what_is_closed(
    guarded: Guarded,
) -> None:
    await produce(guarded.login("catalog"), "catalog.orders.v1")
    info, tail = stack_of(guarded), ("tail", "--from-start", "--most", "1")
    read = await shop_events(info, ANALYST, *tail, "catalog.orders.v1")
    assert json.loads(read.stdout)["topic"] == "catalog.orders.v1"
    refused = await shop_events(info, ANALYST, *tail, "identity.contacts.v1")
    assert refused.returncode == 1
    assert "This login may not do that" in refused.stderr


async def test_the_operator_replays_dead_letters_and_sees_how_far_groups_are(guarded: Guarded) -> None:
    await produce(guarded.login("notifier"), "notifier.dead-letters.v1")
    info, chosen = stack_of(guarded), ("dead-letters", "replay", "--group", "notifier", "--yes")
    assert (await shop_events(info, OPERATOR, *chosen)).returncode == 0
    assert await first_record(guarded.login("notifier"), "notifier.replay.v1")
    assert (await shop_events(info, OPERATOR, "lag", "--json")).returncode == 0
    assert (await shop_events(info, ANALYST, *chosen)).returncode == 1


def test_the_logins_in_the_stack_s_file_are_those_it_was_written_with(guarded: Guarded) -> None:
    info = stack_of(guarded)
    assert StackInfo.model_validate_json(info.model_dump_json()) == info
    assert guarded.passwords[ANALYST].get_secret_value() not in repr(info)


def permission(user: str, topic: str) -> ACL:
    return ACL(
        f"User:{user}",
        "*",
        ACLOperation.READ,
        ACLPermissionType.ALLOW,
        ResourcePattern(ResourceType.TOPIC, topic),
    )


def known_to(connected: KafkaAdminClient) -> set[ACL]:
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = connected.describe_acls(
        ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, anything)
    )
    return set(found)


async def test_what_the_registry_does_not_say_is_taken_away_and_others_stay(guarded: Guarded) -> None:
    stale = permission("catalog", f"{PREFIX}identity.contacts.v1")
    others = [permission("auditor", f"{PREFIX}catalog.orders.v1"), permission("catalog", "elsewhere.orders")]
    root = guarded.broker.root.model_copy(update={"topic_prefix": PREFIX})
    with KafkaAdminClient(**root.connection()) as connected:
        connected.create_acls([stale, *others])
        await eventually(lambda: {stale, *others} <= known_to(connected))
        assert admin.ensure_access(root) == (0, 1)
        await eventually(lambda: stale not in known_to(connected))
        assert set(others) <= known_to(connected)
        connected.delete_acls(others)
        await eventually(lambda: known_to(connected).isdisjoint(others))
    assert admin.ensure_access(root) == (0, 0)
