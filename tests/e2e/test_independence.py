"""With any four services stopped, the fifth serves a read and a write, also after its own restart."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from shop_devstack.programs import SERVICES, answers_ok
from shop_devstack.stack import StackInfo
from shop_devstack.supervise import Supervisor
from tests.e2e.conftest import Person, Shop, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

Use = Callable[[Shop, Person], Awaitable[list[httpx.Response]]]


async def use_catalog(shop: Shop, person: Person) -> list[httpx.Response]:
    listed = await shop.http.get("/v1/products")
    product = next(item for item in listed.json()["items"] if item["available"])
    return [listed, await shop.order(person, product["id"])]


async def use_identity(shop: Shop, person: Person) -> list[httpx.Response]:
    me = await shop.http.get("/v1/users/me", headers=person.headers)
    tag = {**person.headers, "If-Match": me.headers["ETag"]}
    changed = await shop.http.patch("/v1/users/me", json={"name": secrets.token_hex(4)}, headers=tag)
    return [me, changed]


async def use_notifier(shop: Shop, person: Person) -> list[httpx.Response]:
    listed = await shop.http.get("/v1/notifications", headers=person.headers)
    entry = listed.json()["items"][0]["id"]
    return [listed, await shop.http.post(f"/v1/notifications/{entry}/read", headers=person.headers)]


async def use_session(shop: Shop, person: Person) -> list[httpx.Response]:
    begun = await shop.http.post("/v1/session", headers={"User-Agent": "an app"})
    headers = {"Session-Id": begun.headers["Session-Id"]}
    body = {"analytics": True, "marketing": False}
    agreed = await shop.http.put("/v1/session/consent", json=body, headers=headers)
    linked = await shop.http.post("/v1/session/link", headers={**headers, **person.headers})
    return [begun, agreed, linked]


async def use_analytics(shop: Shop, person: Person) -> list[httpx.Response]:
    """Analytics takes no writes over HTTP; what it hears comes through topics."""
    return [await shop.http.get("/v1/recommendations?placement=home", headers=person.headers)]


USES: dict[str, Use] = {
    "catalog": use_catalog,
    "identity": use_identity,
    "session": use_session,
    "notifier": use_notifier,
    "analytics": use_analytics,
}


@pytest.fixture
async def supervisor(running_stack: StackInfo) -> AsyncIterator[Supervisor]:
    """Start and stop services; all run again afterwards."""
    supervisor = Supervisor(running_stack.folder)
    yield supervisor
    down = [name for name in SERVICES if supervisor.processes()[name].state == "STOPPED"]
    await asyncio.to_thread(supervisor.start_parts, down)
    await eventually(lambda: ready(running_stack, *SERVICES))


async def ready(info: StackInfo, *services: str) -> bool:
    paths = [(info.ports[name], "/health/ready") for name in services]
    return all([await asyncio.to_thread(answers_ok, *path) for path in paths])


async def test_each_goes_on_alone_also_after_a_restart(shop: Shop, supervisor: Supervisor) -> None:
    """One is left running while the others stop; then each is started where no other one runs."""
    person, product = await shop.customer(), await shop.product()
    assert (await shop.order(person, product["id"])).status_code == 201

    async def in_the_inbox() -> bool:
        return bool((await shop.http.get("/v1/notifications", headers=person.headers)).json()["items"])

    await eventually(in_the_inbox)
    left_running, *others = USES
    await asyncio.to_thread(supervisor.stop_parts, others)
    await goes_on(shop, person, left_running)
    await asyncio.to_thread(supervisor.stop_parts, [left_running])
    for service in USES:
        await asyncio.to_thread(supervisor.start_parts, [service])
        await eventually(lambda alone=service: ready(shop.info, alone))
        await goes_on(shop, person, service)
        await asyncio.to_thread(supervisor.stop_parts, [service])


async def goes_on(shop: Shop, person: Person, service: str) -> None:
    """Read from a service and write to it, with a token that was issued while all of them ran."""
    for answer in await USES[service](shop, person):
        assert answer.is_success, f"{service}: {answer.text}"
