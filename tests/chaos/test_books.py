"""The storm's own tools: a seed repeats its blows, and the books notice each thing that may go wrong."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shop_events.consumer import Consumer
from shop_events.kafka import KafkaSettings
from shop_events.relay import OutboxRelay
from tests.chaos.backbone import books, shop
from tests.chaos.backbone.shop import Fate
from tests.chaos.backbone.storm import What, blows
from tests.chaos.backbone.trial import LETTERS_TOPIC, PRODUCTS_TOPIC, Scene
from tests.chaos.backbone.workers import Place
from tests.events.conftest import running


def test_a_seed_deals_the_same_blows_again_and_another_one_deals_others() -> None:
    first, again, other = (list(islice(blows(seed), 500)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert {blow.what for blow in first} == set(What)


def test_every_fate_befalls_somebody_soon() -> None:
    assert {shop.fate(key, number) for key in shop.KEYS for number in range(1, 30)} == set(Fate)


@pytest.fixture
async def scene(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str
) -> AsyncIterator[Scene]:
    """A trial without a storm, come to rest."""
    place = Place(
        mongo_url=mongo_url,
        kafka=KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix),
        owner_db=f"{database_name}_o",
        reader_db=f"{database_name}_r",
    )
    client = shop.connect(mongo_url)
    scene = Scene(place, client)
    await scene.prepare()
    reading = shop.transactor(client, scene.reader, shop.READER)
    owning = shop.transactor(client, scene.owner, shop.OWNER)
    async with running(
        OutboxRelay(client, scene.owner, place.kafka, shop.OWNER),
        OutboxRelay(client, scene.reader, place.kafka, shop.READER),
        Consumer(scene.reader, place.kafka, shop.SUBSCRIPTIONS, reading),
    ):
        for _ in range(8):
            await owning(shop.flood)
        await owning(shop.trade, random.Random(1))
        await scene.pay_all()
        await books.rest(scene, 60)
        yield scene
    for name in (place.owner_db, place.reader_db):
        await client.drop_database(name)
    await client.close()


@pytest.mark.integration
async def test_the_books_balance_until_something_is_wrong(scene: Scene) -> None:
    found = await books.count(scene)
    assert found.differences == []
    assert min(found.events, found.effects, found.letters, found.held, found.products) > 0
    for collection, key, change, says in await tampered(scene):
        before = await collection.find_one_and_update({"_id": key}, change)
        found = await books.count(scene)
        assert [said for said in says if not any(said in told for told in found.differences)] == []
        await collection.replace_one({"_id": key}, before)
    assert (await books.count(scene)).differences == []
    await publish_what_nobody_committed(scene)
    told = " ".join((await books.count(scene)).differences)
    assert "more than one dead letter" in told
    assert "the compacted topic ends elsewhere" in told


async def tampered(scene: Scene) -> list[tuple[Any, str, Any, list[str]]]:
    """Return changes of documents, and what the books should say about each."""
    row = await scene.reader["effects"].find_one({})
    key, seen = row["_id"], row["seen"]
    effects, stock = scene.reader["effects"], scene.owner["stock"]
    product = (await scene.owner["products"].find_one({}))["_id"]
    more = {"$inc": {"version": 1}}
    return [
        (effects, key, {"$push": {"seen": seen[0]}}, ["more than once", "out of order", "inbox rows"]),
        (effects, key, {"$pull": {"seen": seen[0]}}, ["without effect"]),
        (effects, key, {"$set": {"seen": seen[::-1]}}, ["out of order"]),
        (effects, key, {"$push": {"seen": 99_999}}, ["effect of nothing"]),
        (stock, key, {"$inc": {"number": 1}}, ["never published"]),
        (stock, key, {"$inc": {"number": -1}}, ["published but not committed"]),
        (scene.owner["products"], product, more, ["compacted topic ends", "read model ends"]),
        (scene.reader["products"], product, {"$inc": {"sequence": 1}}, ["read model ends"]),
    ]


async def publish_what_nobody_committed(scene: Scene) -> None:
    """Put a second dead letter and an old product into their topics."""
    letter = (await books.records_of(scene, LETTERS_TOPIC))[0]
    headers = [*letter.headers, ("dl_failed_at", b"later")]
    product = (await books.records_of(scene, PRODUCTS_TOPIC))[0]
    old = replace(product, headers=[(n, b"0" if n == "ce_sequence" else v) for n, v in product.headers])
    async with AIOKafkaProducer(**scene.place.kafka.connection()) as producer:
        for record in (replace(letter, headers=headers), old):
            await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))


def test_a_storm_can_be_asked_for(chaos_kills: int, chaos_seed: int) -> None:
    assert chaos_kills > 0
    assert chaos_seed >= 0
