"""A search finds whatever must not be there, wherever it is, and tells nobody what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer
from hypothesis import assume, given
from hypothesis import strategies as st

from shop_devstack.demo.secrecy import Needle, Sieve, search
from shop_events.admin import ensure_topics
from shop_events.kafka import KafkaSettings

pytestmark = pytest.mark.integration

STRING = Needle("session string", "Xq3-" * 10 + "end")
TOKEN = Needle("access token", "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl")
ADDRESS = Needle("e-mail address", "ann+1@example.test", personal=True)
ALL = [STRING, TOKEN, ADDRESS]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_needle_is_found_anywhere(before: bytes, after: bytes) -> None:
    string = STRING.value.encode()
    assert STRING in Sieve(ALL).caught(before + string + after)
    assume(not before.endswith(string[:1]))
    assert STRING not in Sieve(ALL).caught(before + string[1:] + after)


def test_a_needle_is_found_as_part_of_a_url() -> None:
    assert Sieve(ALL).caught(b"GET /?to=ann%2B1%40example.test") == {ADDRESS}


def test_a_needle_that_is_too_short_is_refused_without_being_told() -> None:
    with pytest.raises(ValueError, match="pin: too short") as refused:
        Sieve([Needle("pin", "8361")])
    assert "8361" not in str(refused.value)
    assert "8361" not in repr(Needle("pin", "8361"))


@pytest.fixture
async def kafka(kafka_bootstrap: str, topic_prefix: str) -> KafkaSettings:
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    await ensure_topics(kafka)
    return kafka


@pytest.fixture
async def metrics() -> AsyncIterator[dict[str, str]]:
    async def clean(_: web.Request) -> web.Response:
        return web.Response(text="up 1.0\n")

    async def leaking(_: web.Request) -> web.Response:
        return web.Response(text=f'requests{{path="/{TOKEN.value}"}} 1.0\n')

    app = web.Application()
    app.add_routes([web.get("/clean", clean), web.get("/leaking", leaking)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield {"catalog": f"{url}/clean", "session": f"{url}/leaking"}
    await runner.cleanup()


async def put(kafka: KafkaSettings, *records: dict[str, Any], aborted: bool = False) -> None:
    more = {"transactional_id": kafka.named("test")} if aborted else {}
    async with AIOKafkaProducer(**kafka.connection(), **more) as producer:
        if aborted:
            await producer.begin_transaction()
        await asyncio.gather(*[await producer.send(**each) for each in records])
        if aborted:
            await producer.flush()
            await producer.abort_transaction()


async def test_it_is_found_in_keys_values_headers_aborted_records_logs_and_metrics(
    kafka: KafkaSettings, metrics: dict[str, str], tmp_path: Path
) -> None:
    string, address = STRING.value.encode(), ADDRESS.value.encode()
    contacts, orders = kafka.named("identity.contacts.v1"), kafka.named("catalog.orders.v1")
    await put(
        kafka,
        {"topic": contacts, "key": b"usr_1", "value": b'{"address": "' + address + b'"}'},
        {"topic": orders, "key": b"ord_1", "value": b"{}", "headers": [("seen", b"by " + address)]},
        {"topic": kafka.named("catalog.stock.v1"), "key": string, "value": b"{}"},
        {"topic": kafka.named("session.dead-letters.v1"), "key": b"a", "value": string + address},
    )
    await put(kafka, {"topic": orders, "key": b"ord_2", "value": string}, aborted=True)
    (tmp_path / "old").mkdir()
    (tmp_path / "session.log").write_bytes(b"x" * ((1 << 20) - 20) + string + b"\n")
    (tmp_path / "old" / "catalog.log").write_bytes(b"nothing\n")
    places: list[str] = []
    found = await search(kafka, tmp_path, metrics, ALL, places.append)
    assert set(found.leaks) == {
        ("e-mail address", "topic catalog.orders.v1"),
        ("session string", "topic catalog.stock.v1"),
        ("session string", "topic catalog.orders.v1"),
        ("session string", "topic session.dead-letters.v1"),
        ("session string", "log session.log"),
        ("access token", "metrics of session"),
    }
    assert set(found.leaks.values()) == {1}
    assert {"log catalog.log", "topic identity.keys.v1", "metrics of catalog"} <= set(places)
    assert (found.metric_pages, found.log_bytes) == (2, (1 << 20) + 32)
    assert found.records >= 5
    assert not any(needle.value in told for told in found.differences for needle in ALL)
