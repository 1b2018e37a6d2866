"""Activity: a result an event, told once, never without consent, and not when Kafka cannot take it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest

from shop_events.contracts.session import PageEngaged, PageViewed
from shop_session.api.reports import read_reports
from shop_session.application.activity import ActivityDesk
from shop_session.domain.attention import MOST_TOLD
from shop_session.domain.secret import digest_of
from tests.session.conftest import Device, Json, World, product

pytestmark = pytest.mark.integration

_NUMBERS: Iterator[int] = count()


def at(world: World, **offset: float) -> str:
    moment: datetime = world.clock.now + timedelta(**offset)
    return moment.isoformat()


def viewed(world: World, **more: Any) -> Json:
    number = next(_NUMBERS)
    return {
        "id": f"e{number}",
        "type": "page_viewed",
        "view_id": f"v{number}",
        "page": "/products/prd_1?email=jane@example.com",
        "at": at(world),
        **more,
    }


def engaged(world: World, milliseconds: int, view_id: str = "v") -> Json:
    event = {"type": "page_engaged", "view_id": view_id, "milliseconds": milliseconds, "at": at(world)}
    return {"id": f"e{next(_NUMBERS)}", **event}


@pytest.fixture
async def agreed(device: Device) -> Device:
    await device.agree()
    return device


async def test_a_batch_has_a_result_an_event(world: World, agreed: Device) -> None:
    good = viewed(world, product_id="prd_1")
    answer = await agreed.tell(
        good,
        good,
        viewed(world, at=at(world, minutes=6)),
        viewed(world, at=at(world, hours=-25)),
        viewed(world, view_id=None),
        {"type": "page_scrolled", "id": "e"},
        "nonsense",  # type: ignore[arg-type]
        {**viewed(world), "at": "2026-01-01T00:00:00"},
        {**viewed(world), "more": 1},
        {
            "id": "s1",
            "type": "recommendation_shown",
            "placement": "home",
            "product_ids": ["a", "b"],
            "at": at(world),
        },
        {
            "id": "c1",
            "type": "recommendation_clicked",
            "placement": "home",
            "product_id": "a",
            "at": at(world),
        },
    )
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [
        "accepted", "duplicate", "rejected", "rejected", "rejected", "rejected", "rejected", "rejected",
        "rejected", "accepted", "accepted",
    ]  # fmt: skip
    assert results[2]["reason"] == "in the future"
    assert results[3]["reason"] == "too old"
    assert results[4]["reason"] == "view_id: string_type"
    assert results[6]["id"] is None
    assert len(world.telemetry.messages) == 3


async def test_what_is_told_names_the_visitor_and_no_query(world: World, agreed: Device) -> None:
    await agreed.link()
    await agreed.tell(viewed(world, at=at(world, minutes=3)))
    (told,) = world.telemetry.told
    assert isinstance(told.event, PageViewed)
    assert told.event.page == "/products/prd_1"
    assert told.event.user_id == "usr_ada"
    assert told.event.visitor_id == (await agreed.get())["visitor_id"]
    assert not told.event.personalise
    assert told.event.at <= world.clock.now


async def test_a_batch_sent_again_tells_nothing_again(world: World, agreed: Device) -> None:
    batch = [viewed(world) for _ in range(10)]
    assert await agreed.outcomes(*batch) == ["accepted"] * 10
    assert await agreed.outcomes(*batch) == ["duplicate"] * 10
    assert len(world.telemetry.messages) == 10


async def test_a_batch_whose_answer_was_lost_is_told_under_the_same_ids(world: World, agreed: Device) -> None:
    batch = [viewed(world) for _ in range(3)]
    await agreed.tell(*batch)
    await world.db.attention.delete_many({})  # as if the process had died before it could remember
    assert await agreed.outcomes(*batch) == ["accepted"] * 3
    ids = [told.envelope.id for told in world.telemetry.told]
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3


async def test_ids_of_two_visitors_have_nothing_to_do_with_each_other(world: World, agreed: Device) -> None:
    other = world.device()
    await other.agree()
    event = viewed(world)
    assert await agreed.outcomes(event) == ["accepted"]
    assert await other.outcomes(event) == ["accepted"]
    assert len({told.envelope.id for told in world.telemetry.told}) == 2


async def test_engaged_time_only_grows(world: World, agreed: Device) -> None:
    first = await agreed.outcomes(engaged(world, 1000), engaged(world, 3000), engaged(world, 2000))
    assert first == ["accepted", "accepted", "duplicate"]
    assert await agreed.outcomes(engaged(world, 2500), engaged(world, 500, "other")) == [
        "duplicate",
        "accepted",
    ]
    assert await agreed.outcomes(engaged(world, 3001)) == ["accepted"]
    totals: dict[str, int] = {}
    for told in world.telemetry.told:
        assert isinstance(told.event, PageEngaged)
        totals[told.event.view_id] = max(totals.get(told.event.view_id, 0), told.event.milliseconds)
    assert totals == {"v": 3001, "other": 500}


async def test_without_kafka_nothing_is_accepted_and_own_data_goes_on(world: World, agreed: Device) -> None:
    world.telemetry.down = True
    event = viewed(world)
    answer = await agreed.tell(event)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert (await agreed.add("prd_1")).status_code == 200
    assert (await agreed.put("/states/game", {}, If_None_Match="*")).status_code == 200
    world.telemetry.down = False
    assert await agreed.outcomes(event) == ["accepted"]


@pytest.mark.parametrize("consent", [None, False])
async def test_without_consent_nothing_is_told_or_kept(
    world: World, device: Device, consent: bool | None
) -> None:
    if consent is not None:
        await device.agree(analytics=True)
        await device.agree(analytics=consent, marketing=True)
    assert await device.outcomes(viewed(world, product_id="prd_1")) == ["ignored"]
    assert world.telemetry.messages == []
    assert (await device.get())["recently_viewed"] == []
    assert await world.db.attention.count_documents({}) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"X-Automated": "1"},
    ],
)
async def test_robots_are_ignored_and_get_no_session(world: World, headers: dict[str, str]) -> None:
    answer = await world.http.post("/v1/session/activity", json={"events": [viewed(world)]}, headers=headers)
    assert answer.status_code == 202
    assert [result["status"] for result in answer.json()["results"]] == ["ignored"]
    assert await world.db.sessions.count_documents({}) == 0


async def test_a_beacon_is_read_as_text(world: World, agreed: Device) -> None:
    body = orjson.dumps({"events": [viewed(world)]})
    headers = {"Content-Type": "text/plain;charset=UTF-8", "Session-Id": agreed.string}
    answer = await world.http.post("/v1/session/activity", content=body, headers=headers)
    assert answer.status_code == 202
    assert len(world.telemetry.messages) == 1


@pytest.mark.parametrize("events", [[], None, {}, [{}] * 101])
async def test_a_batch_has_bounds(world: World, device: Device, events: Any) -> None:
    answer = await device.ask("POST", "/activity", {"events": events})
    assert answer.status_code == 422
    assert await world.db.sessions.count_documents({}) == 0


async def test_products_that_were_viewed_are_shown_newest_first_and_bounded(
    world: World, agreed: Device
) -> None:
    await world.hear(product("prd_3"))
    views = [viewed(world, product_id=f"prd_{n}", at=at(world, seconds=n - 100)) for n in range(60)]
    await agreed.tell(*views)
    await agreed.tell(
        viewed(world, product_id="prd_3"), viewed(world, product_id="prd_30", at=at(world, hours=-1))
    )
    shown = (await agreed.get())["recently_viewed"]
    expected = ["prd_3", *(f"prd_{n}" for n in range(59, 10, -1))]
    assert [view["product_id"] for view in shown] == expected
    assert shown[0]["title"] == "The prd_3"


async def test_what_a_guest_viewed_is_the_users_after_linking(world: World, agreed: Device) -> None:
    before = world.device()
    await before.link()
    await before.agree()
    await before.tell(
        viewed(world, product_id="prd_1", at=at(world, hours=-1)),
        viewed(world, product_id="prd_2", at=at(world, hours=-2)),
    )
    await agreed.tell(viewed(world, product_id="prd_2"))
    await agreed.link()
    shown = (await before.get())["recently_viewed"]
    assert [view["product_id"] for view in shown] == ["prd_2", "prd_1"]


async def test_the_session_string_is_in_nothing_that_leaves(world: World, agreed: Device) -> None:
    strings = [agreed.string]
    await agreed.add("prd_1")
    await agreed.tell(viewed(world), engaged(world, 5))
    await agreed.link()
    strings.append(agreed.string)
    await agreed.tell(viewed(world))
    await agreed.ask("DELETE", "")
    left = repr(world.telemetry.messages)
    for name in await world.db.list_collection_names():
        left += repr(await world.db[name].find().to_list())
    left += (await world.http.get("/metrics")).text
    assert not [string for string in strings if string in left]


async def test_what_another_process_was_told_is_a_duplicate_here(world: World, agreed: Device) -> None:
    here, there = (ActivityDesk(world.transact, world.telemetry) for _ in range(2))
    digest = digest_of(agreed.string)
    assert digest

    async def outcomes(desk: ActivityDesk, *events: Json) -> list[str]:
        return [result.outcome for result in await desk.record(digest, read_reports(list(events)))]

    first, second = viewed(world), engaged(world, 1000)
    assert await outcomes(here, first) == ["accepted"]
    assert await outcomes(there, second) == ["accepted"]
    assert await outcomes(here, first, second) == ["duplicate", "duplicate"]
    assert await outcomes(there, first, engaged(world, 900), engaged(world, 1001)) == [
        "duplicate",
        "duplicate",
        "accepted",
    ]


async def test_what_is_remembered_of_somebody_is_bounded(world: World, agreed: Device) -> None:
    last: list[Json] = []
    for _ in range(2 * MOST_TOLD // 100 + 3):
        last = [viewed(world, product_id="prd_1") for _ in range(100)]
        assert await agreed.outcomes(*last) == ["accepted"] * 100
    assert await agreed.outcomes(*last) == ["duplicate"] * 100
    (kept,) = await world.db.attention.find().to_list()
    assert MOST_TOLD <= len(kept["told"]) < 2 * MOST_TOLD
