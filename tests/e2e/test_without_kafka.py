"""While Kafka is away, or only seems to be there, all go on with their own; what they did arrives later."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from rich.console import Console

from shop_devstack import stack
from shop_devstack.programs import SERVICES
from shop_devstack.screen import Screen
from shop_devstack.settings import StackSettings
from shop_devstack.stack import StackInfo
from shop_devstack.supervise import Supervisor
from tests.e2e.conftest import PASSWORD, Person, Shop, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_AN_ANSWER_SECONDS = 20


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, mongo_url: str) -> Iterator[StackInfo]:
    """A stack whose Kafka is its own."""
    ports = {f"{name.replace('-', '_')}_port": 0 for name in StackSettings().preferred_ports}
    prefix = f"e2e_{secrets.token_hex(3)}_"
    settings = StackSettings(
        mongodb_url=mongo_url, kafka_bootstrap_servers=None, database_prefix=prefix, **ports
    )
    folder = tmp_path_factory.mktemp("stack")
    started = stack.start(folder, settings, Screen(Console(quiet=True)), outlive=False)
    try:
        yield started.info
    finally:
        started.launched.stop()


@pytest.fixture
async def shop(own_stack: StackInfo) -> AsyncIterator[Shop]:
    async with (
        httpx.AsyncClient(base_url=own_stack.gateway_url, timeout=_AN_ANSWER_SECONDS) as http,
        httpx.AsyncClient(base_url=own_stack.sandbox_url, timeout=_AN_ANSWER_SECONDS) as sandbox,
    ):
        yield Shop(own_stack, http, sandbox)


@asynccontextmanager
async def kafka_away(info: StackInfo, how: str) -> AsyncIterator[None]:
    """Stop the broker, or pause it, for as long as the block lasts."""
    supervisor = Supervisor(info.folder)
    pid = supervisor.processes()["kafka"].pid
    if how == "stopped":
        await asyncio.to_thread(supervisor.stop_parts, ["kafka"])
    else:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if how == "stopped":
            await asyncio.to_thread(supervisor.start_parts, ["kafka"])
        else:
            os.kill(pid, signal.SIGCONT)


class Guest:
    """Somebody without a login, with a session."""

    def __init__(self, shop: Shop) -> None:
        self._http = shop.http
        self._headers = {"User-Agent": "an app"}
        self.visitor_id = ""

    async def begin(self) -> None:
        self.visitor_id = (await self.ask("POST", "")).json()["visitor_id"]

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self._http.request(method, f"/v1/session{path}", json=body, headers=sent)
        self._http.cookies.clear()
        self._headers["Session-Id"] = answer.headers.get("Session-Id", self._headers.get("Session-Id", ""))
        return answer

    async def tell(self, view_id: str) -> httpx.Response:
        now = datetime.now(UTC).isoformat()
        view = {"id": f"e-{view_id}", "type": "page_viewed", "view_id": view_id, "page": "/", "at": now}
        return await self.ask("POST", "/activity", {"events": [view]})


async def go_on(shop: Shop, person: Person, product_id: str, guest: Guest) -> str:
    """Use everything that needs nobody else; return the order that was made."""
    http, token = shop.http, person.headers
    done: list[httpx.Response] = []
    await guest.begin()
    done.append(await guest.ask("PUT", "/consent", {"analytics": True, "marketing": False}))
    done.append(await guest.ask("PUT", f"/cart/lines/{product_id}", {"quantity": 3}))
    done.append(await guest.ask("GET", "/cart"))
    done.append(await guest.ask("PUT", "/states/game", {"level": 1}, If_None_Match="*"))
    done.append(await guest.ask("GET", "/states/game"))
    again = await http.post("/v1/auth/login", json={"email": person.email, "password": PASSWORD})
    done.append(again)
    fresh = {"Authorization": f"Bearer {again.json()['access_token']}"}
    done.append(await guest.ask("POST", "/link", **fresh))
    done.append(await guest.ask("GET", "/orders"))
    done += [await http.get("/v1/products"), await http.get(f"/v1/products/{product_id}")]
    ordered = await shop.order(person, product_id)
    done += [ordered, await http.get(f"/v1/orders/{ordered.json()['id']}", headers=token)]
    inbox = await http.get("/v1/notifications", headers=token)
    entry = inbox.json()["items"][0]["id"]
    done += [inbox, await http.post(f"/v1/notifications/{entry}/read", headers=token)]
    me = await http.get("/v1/users/me", headers=token)
    tag = {**token, "If-Match": me.headers["ETag"]}
    done += [me, await http.patch("/v1/users/me", json={"name": secrets.token_hex(4)}, headers=tag)]
    done.append(await http.get("/v1/recommendations", headers=token))
    for answer in done:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    assert ordered.json()["status"] == "paid"
    return str(ordered.json()["id"])


async def told_of(info: StackInfo, topic: str, key: str) -> list[str]:
    """Return the ids of the events of ``key`` in a topic, oldest first."""
    kafka = info.operator_kafka
    consumer = AIOKafkaConsumer(
        kafka.named(topic),
        **kafka.connection(),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        fetched = await consumer.getmany(timeout_ms=2000)
        records = [record for part in fetched.values() for record in part if record.key.decode() == key]
        return [dict(record.headers)["ce_id"].decode() for record in records]
    finally:
        await consumer.stop()


@pytest.mark.parametrize("how", ["paused", "stopped"])
async def test_own_data_is_used_without_kafka_and_what_was_accepted_arrives(shop: Shop, how: str) -> None:
    person, product = await shop.customer(), await shop.product()
    first = await shop.order(person, product["id"])
    assert first.status_code == 201

    async def inbox() -> list[Any]:
        entries = (await shop.http.get("/v1/notifications", headers=person.headers)).json()["items"]
        return list(entries)

    await eventually(inbox)
    guest = Guest(shop)
    async with kafka_away(shop.info, how):
        order_id = await go_on(shop, person, product["id"], guest)
        refused = await guest.tell("v1")
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) > 0
        assert len(await inbox()) == 1

    async def receipts() -> bool:
        return (await shop.receipts(order_id)).keys() == {"email", "sms"}

    async def bought_is_taken_out() -> bool:
        return bool((await guest.ask("GET", "/cart")).json()["pieces"] == 2)

    async def accepted() -> bool:
        return (await guest.tell("v1")).status_code == 202

    async def in_the_topic() -> bool:
        return len(set(await told_of(shop.info, "session.activity.v1", guest.visitor_id))) == 1

    async def carts_told() -> bool:
        return len(set(await told_of(shop.info, "session.carts.v1", guest.visitor_id))) == 3

    for arrives in (receipts, bought_is_taken_out, accepted, in_the_topic, carts_told):
        await eventually(arrives, seconds=90)
    assert len(await inbox()) == 2
    states = Supervisor(shop.info.folder).processes()
    assert {name for name in SERVICES if states[name].pid != shop.info.pids[name]} == set()
