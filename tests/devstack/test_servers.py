"""The two servers of a test run are real: transactions, change streams and fenced producers work."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import ProducerFenced
from pydantic import SecretStr
from pymongo import AsyncMongoClient

from shop_devstack.kafka import a_broker, kafka_server, running
from shop_devstack.mongod import mongod_server
from shop_events.admin import ensure_users

pytestmark = pytest.mark.integration


async def _create_topic(bootstrap: str, name: str, config: dict[str, str] | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        response = await admin.create_topics(
            [NewTopic(name, num_partitions=1, replication_factor=1, topic_configs=config)]
        )
        assert [error[1] for error in response.topic_errors] == [0]
    finally:
        await admin.close()


async def test_mongod_commits_a_transaction_that_a_change_stream_sees(
    mongo_url: str, database_name: str
) -> None:
    async with AsyncMongoClient[dict[str, Any]](mongo_url) as client:
        rows = client[database_name]["rows"]
        await rows.insert_one({"_id": 0})
        async with await rows.watch() as stream, client.start_session() as session:
            async with await session.start_transaction():
                await rows.insert_one({"_id": 1}, session=session)
                await rows.insert_one({"_id": 2}, session=session)
            seen = [(await asyncio.wait_for(anext(stream), 10))["documentKey"]["_id"] for _ in range(2)]
        await client.drop_database(database_name)
    assert seen == [1, 2]


async def test_kafka_hands_over_what_was_produced(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}plain"
    await _create_topic(kafka_bootstrap, topic)
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, b"value", key=b"key")
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=kafka_bootstrap, group_id=f"{topic_prefix}g", auto_offset_reset="earliest"
    ) as consumer:
        record = await asyncio.wait_for(consumer.getone(), 10)
    assert (record.key, record.value) == (b"key", b"value")


async def test_kafka_fences_the_older_of_two_producers_with_one_transactional_id(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}transactions"
    await _create_topic(kafka_bootstrap, topic)
    settings = {"bootstrap_servers": kafka_bootstrap, "transactional_id": f"{topic_prefix}relay"}
    async with AIOKafkaProducer(**settings) as older, AIOKafkaProducer(**settings) as newer:
        with pytest.raises(ProducerFenced):
            async with older.transaction():
                await older.send_and_wait(topic, b"older")
        async with newer.transaction():
            await newer.send_and_wait(topic, b"newer")
    async with AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka_bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    ) as consumer:
        record = await asyncio.wait_for(consumer.getone(), 10)
    assert record.value == b"newer"


async def test_mongod_finds_its_data_again_on_another_port(tmp_path: Path) -> None:
    ids = []
    for _ in range(2):
        with mongod_server(tmp_path / "data") as url:
            async with AsyncMongoClient[dict[str, Any]](url) as client:
                await client["shop"]["starts"].insert_one({})
                ids.append(await client["shop"]["starts"].count_documents({}))
    assert ids == [1, 2]


async def test_kafka_finds_its_data_again_on_another_port(tmp_path: Path) -> None:
    with kafka_server(tmp_path / "data") as bootstrap:
        await _create_topic(bootstrap, "kept")
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
            await producer.send_and_wait("kept", b"value")
    with kafka_server(tmp_path / "data") as bootstrap:
        async with AIOKafkaConsumer(
            "kept", bootstrap_servers=bootstrap, auto_offset_reset="earliest"
        ) as consumer:
            assert (await asyncio.wait_for(consumer.getone(), 10)).value == b"value"


async def test_kafka_asks_for_logins_from_now_on_in_a_folder_from_before(tmp_path: Path) -> None:
    with kafka_server(tmp_path / "data") as bootstrap:
        await _create_topic(bootstrap, "kept")
    for _ in range(2):  # the second time with new passwords, as after the loss of the old ones
        broker = a_broker(tmp_path / "data", password=SecretStr(secrets.token_urlsafe(12)))
        broker.prepare()
        with running(broker):
            word = SecretStr(secrets.token_urlsafe(12))
            ensure_users(broker.root, {"operator": word})
            login = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "operator", "sasl_password": word}
            operator = AIOKafkaAdminClient(**broker.root.model_copy(update=login).connection())
            await operator.start()
            assert "kept" in await operator.list_topics()
            await operator.close()


async def test_kafka_compacts_little_data(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}state"
    quick = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    await _create_topic(kafka_bootstrap, topic, quick)

    async def produce_until_compacted() -> None:
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:
            await producer.send_and_wait(topic, b"value", key=b"key")
            while await _first_offset(kafka_bootstrap, topic) == 0:
                await producer.send_and_wait(topic, b"value", key=b"key")  # segments roll on append
                await asyncio.sleep(0.2)

    await asyncio.wait_for(produce_until_compacted(), 20)


async def _first_offset(bootstrap: str, topic: str) -> int:
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        record = await asyncio.wait_for(consumer.getone(), 10)
        return int(record.offset)
