from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.admin import ensure_topics
from shop_events.kafka import KafkaSettings

pytestmark = pytest.mark.integration

SMALL_SERVICE = Path(__file__).with_name("small_service.py")
Environment = dict[str, str]


@dataclass
class Running:
    """A process of the small service, and what it logged so far."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    port: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def follow(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == "started":
                self.port.set_result(self.lines[-1]["port"])

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 20)

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture
def environment(mongo_url: str, database_name: str, topic_prefix: str) -> Environment:
    nobody = "127.0.0.1:1"  # no broker listens there
    return {
        **os.environ,
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "TOPIC_PREFIX": topic_prefix,
        "KAFKA_BOOTSTRAP_SERVERS": nobody,
        "SHUTDOWN_SECONDS": "10",
    }


@pytest.fixture
async def db(mongo_url: str, database_name: str) -> AsyncIterator[AsyncDatabase[Any]]:
    async with AsyncMongoClient[Any](mongo_url) as client:
        yield client[database_name]
        await client.drop_database(database_name)


@asynccontextmanager
async def service(environment: Environment, *arguments: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SMALL_SERVICE),
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = Running(process)
    following = asyncio.create_task(running.follow())
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await following


@asynccontextmanager
async def serving(environment: Environment, mode: str) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    async with service(environment, mode) as running:
        port = await asyncio.wait_for(running.port, 20)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield running, client


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def missing(client: httpx.AsyncClient) -> list[str]:
    found: list[str] = (await client.get("/health/ready")).json()["missing"]
    return found


@pytest.mark.usefixtures("db")
async def test_an_api_serves_without_kafka_but_says_that_it_knows_no_keys(environment: Environment) -> None:
    async with serving(environment, "api") as (running, client):
        assert (await client.post("/v1/keys", json={"kid": "k", "x": "x"})).status_code == 201
        assert (await client.get("/v1/keys")).json() == 2
        assert (await client.get("/health/live")).status_code == 200
        assert await missing(client) == ["signing-keys", "revocations"]
        assert "server" not in (await client.get("/v1/keys")).headers
        running.process.terminate()
        assert await running.ended() == 0


async def test_a_key_published_by_the_worker_lets_the_api_know_a_caller(
    environment: Environment,
    db: AsyncDatabase[Any],
    kafka_bootstrap: str,
    signing_key: Ed25519PrivateKey,
    mint: Callable[..., str],
) -> None:
    await ensure_topics(
        KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=environment["TOPIC_PREFIX"])
    )
    environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka_bootstrap
    raw = signing_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = {"kid": "key-1", "x": base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    token = {"Authorization": f"Bearer {mint()}"}

    async with serving(environment, "all") as (running, client):

        async def ready() -> bool:
            return not await missing(client)

        async def known() -> bool:
            return (await client.get("/v1/me", headers=token)).status_code == 200

        await until(ready)
        assert not await known()
        await client.post("/v1/keys", json=key)
        await until(known)
        assert await db["ticks"].count_documents({}) > 0
        running.process.send_signal(signal.SIGINT)
        assert await running.ended() == 0
    assert running.events[-2:] == ["stopping", "stopped"]
    assert await db["notes"].find_one({"_id": "closed"}) == {"_id": "closed", "times": 1}
    assert await db["leases"].count_documents({}) == 0


@pytest.mark.usefixtures("db")
async def test_requests_in_flight_are_answered_before_the_end(environment: Environment) -> None:
    async with serving(environment, "api") as (running, client):
        slow = asyncio.create_task(client.get("/v1/slow", params={"seconds": 1}))
        await until(lambda: in_flight(client))
        running.process.terminate()
        answer = await slow
        assert (answer.status_code, answer.json()) == (200, "done")
        assert await running.ended() == 0
        with pytest.raises(httpx.ConnectError):
            await client.get("/health/live")


async def in_flight(client: httpx.AsyncClient) -> bool:
    return "http_requests_in_flight 2.0" in (await client.get("/metrics")).text


@pytest.mark.usefixtures("db")
async def test_answers_that_last_as_long_as_the_process_end_with_it(environment: Environment) -> None:
    async with serving(environment, "api") as (running, client):
        lasting = asyncio.create_task(client.get("/v1/until-the-end"))
        await until(lambda: in_flight(client))
        running.process.terminate()
        assert (await lasting).json() == "done"
        assert await running.ended() == 0
    assert "not stopped in time" not in running.events


@pytest.mark.usefixtures("db")
async def test_what_never_ends_is_cut_off_at_the_deadline(environment: Environment) -> None:
    environment["SHUTDOWN_SECONDS"] = "1"
    async with serving(environment, "api") as (running, client):
        endless = asyncio.create_task(client.get("/v1/slow", params={"seconds": 1000}))
        await until(lambda: in_flight(client))
        running.process.terminate()
        assert await running.ended() == 0
        assert await asyncio.gather(endless, return_exceptions=True)


@pytest.mark.usefixtures("db")
async def test_a_draining_process_is_open_but_not_ready(environment: Environment) -> None:
    environment["DRAIN_SECONDS"] = "1"
    async with serving(environment, "api") as (running, client):
        running.process.terminate()

        async def stopping() -> bool:
            return await missing(client) == ["stopping"]

        await until(stopping)
        assert (await client.get("/v1/keys")).status_code == 200
        assert await running.ended() == 0


@pytest.mark.usefixtures("db")
async def test_a_worker_shows_health_and_metrics_but_no_api(environment: Environment) -> None:
    async with serving(environment, "worker") as (running, client):
        assert (await client.get("/health/live")).status_code == 200
        assert "job_runs_total" in (await client.get("/metrics")).text
        assert (await client.get("/v1/keys")).status_code == 404
        running.process.terminate()
        assert await running.ended() == 0


async def test_commands_do_their_work_and_return_their_code(
    environment: Environment, db: AsyncDatabase[Any]
) -> None:
    for words, code in {"migrate": 0, "republish": 0, "greet --name you": 3, "nonsense": 2}.items():
        async with service(environment, *words.split()) as running:
            assert await running.ended() == code
    assert await db["greetings"].count_documents({"name": "you"}) == 1
    assert "name_1" in await db["notes"].index_information()


async def test_an_unusable_environment_is_explained_without_its_values(environment: Environment) -> None:
    environment |= {"LOG_LEVEL": "hunter2", "HTTP_PORT": "99999"}
    async with service(environment, "api") as running:
        assert await running.ended() == 2
        assert running.process.stderr
        explained = (await running.process.stderr.read()).decode()
    assert "LOG_LEVEL: " in explained
    assert "HTTP_PORT: " in explained
    assert "hunter2" not in explained


@pytest.mark.usefixtures("db")
async def test_a_port_that_is_taken_ends_the_process_with_a_reason(environment: Environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment["HTTP_PORT"] = str(taken.getsockname()[1])
        async with service(environment, "api") as running:
            assert await running.ended() == 1
    assert running.lines[-1]["event"] == "cannot go on"
    assert running.lines[-1]["reason"] == "OSError"


CHUNKED = b"POST /v1/keys HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx: "


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nx: ", CHUNKED], ids=["header", "trailer"])
async def test_headers_and_trailers_without_end_are_cut_off(environment: Environment, begun: bytes) -> None:
    async with serving(environment, "api") as (_, client):
        _, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(begun)
        with pytest.raises(ConnectionError):
            await pour(writer, kibibytes=80_000)


async def pour(writer: asyncio.StreamWriter, kibibytes: int) -> None:
    for _ in range(kibibytes):
        writer.write(b"x" * 1024)
        await writer.drain()
