"""Saved states: nobody's update is lost, a version must be named, guests keep theirs."""

import asyncio

import pytest

from tests.session.conftest import Device, World

pytestmark = pytest.mark.integration

NEW = {"If_None_Match": "*"}


async def test_a_saved_document_comes_back_as_it_was(device: Device) -> None:
    document = {"level": 3, "a.b": {"$set": [1, None, "é"]}, "": 0.5, "big": 2**63}
    saved = await device.put("/states/game", document, **NEW)
    assert saved.status_code == 200
    shown = await device.ask("GET", "/states/game")
    assert shown.json() == document
    assert shown.headers["etag"] == saved.headers["etag"]
    assert [each["name"] for each in (await device.get("/states"))["items"]] == ["game"]


async def test_a_change_names_the_version_that_it_is_based_on(device: Device) -> None:
    assert (await device.put("/states/game", {})).status_code == 428
    first = (await device.put("/states/game", {"n": 1}, **NEW)).headers["etag"]
    assert (await device.put("/states/game", {"n": 9}, **NEW)).status_code == 412
    second = await device.put("/states/game", {"n": 2}, If_Match=first)
    assert second.status_code == 200
    assert (await device.put("/states/game", {"n": 3}, If_Match=first)).status_code == 412
    assert (await device.ask("DELETE", "/states/game")).status_code == 428
    late = await device.ask("DELETE", "/states/game", headers={"If-Match": first})
    assert late.status_code == 412
    assert await device.get("/states/game") == {"n": 2}
    gone = await device.ask("DELETE", "/states/game", headers={"If-Match": second.headers["etag"]})
    assert gone.status_code == 204
    assert (await device.ask("GET", "/states/game")).status_code == 404
    assert (await device.put("/states/game", {}, If_Match=first)).status_code == 412


async def test_a_name_made_anew_does_not_answer_to_an_old_version(world: World, device: Device) -> None:
    old = (await device.put("/states/game", {"n": 1}, **NEW)).headers["etag"]
    await device.ask("DELETE", "/states/game", headers={"If-Match": old})
    world.clock.advance(milliseconds=1)
    await device.put("/states/game", {"n": 2}, **NEW)
    assert (await device.put("/states/game", {"n": 3}, If_Match=old)).status_code == 412


async def test_two_tabs_that_count_lose_no_step(world: World, device: Device) -> None:
    await device.put("/states/game", {"steps": 0}, **NEW)
    tabs = [world.device(), world.device()]

    async def step(tab: Device) -> None:
        while True:
            shown = await tab.ask("GET", "/states/game")
            steps = {"steps": shown.json()["steps"] + 1}
            saved = await tab.put("/states/game", steps, If_Match=shown.headers["etag"])
            if saved.status_code == 200:
                return
            assert saved.status_code == 412

    async def play(tab: Device) -> None:
        tab.string = device.string
        for _ in range(50):
            await step(tab)

    await asyncio.gather(*(play(tab) for tab in tabs))
    assert await device.get("/states/game") == {"steps": 100}


async def test_a_thousand_saves_from_two_devices_are_each_applied_or_refused(world: World) -> None:
    """Whoever is told that it was saved finds it there, on top of what was saved before."""
    devices = [world.device(), world.device()]
    for device in devices:
        await device.link()
    await devices[0].put("/states/game", {"saved": []}, **NEW)
    applied: set[str] = set()

    async def play(player: int) -> int:
        device, refused = devices[player % 2], 0
        for number in range(50):
            shown = await device.ask("GET", "/states/game")
            move = f"{player}.{number}"
            document = {"saved": [*shown.json()["saved"], move]}
            saved = await device.put("/states/game", document, If_Match=shown.headers["etag"])
            assert saved.status_code in (200, 412), saved.text
            applied.update([move] if saved.status_code == 200 else [])
            refused += saved.status_code == 412
        return refused

    refused = sum(await asyncio.gather(*(play(player) for player in range(20))))
    saved = (await devices[1].get("/states/game"))["saved"]
    assert len(saved) == len(applied) == 1000 - refused
    assert set(saved) == applied
    assert refused > 0


async def test_a_thousand_changes_of_members_from_two_devices_lose_none(world: World) -> None:
    devices = [world.device(), world.device()]
    for device in devices:
        await device.link()
    await devices[0].put("/states/game", {"kept": True}, **NEW)
    answers = await asyncio.gather(
        *(devices[n % 2].patch("/states/game", {f"field{n}": n}) for n in range(1000))
    )
    assert {answer.status_code for answer in answers} == {200}
    expected = {"kept": True} | {f"field{number}": number for number in range(1000)}
    assert await devices[1].get("/states/game") == expected


async def test_states_have_bounds(device: Device) -> None:
    assert (await device.put("/states/game", {"x": "a" * 65_600}, **NEW)).status_code == 413
    deep: dict[str, object] = {}
    for _ in range(60):
        deep = {"x": deep}
    assert (await device.put("/states/game", deep, **NEW)).status_code == 413
    assert (await device.put("/states/game", [1], **NEW)).status_code == 422
    assert (await device.put("/states/Ga%20me", {}, **NEW)).status_code == 422
    for number in range(20):
        assert (await device.put(f"/states/s{number}", {}, **NEW)).status_code == 200
    assert (await device.put("/states/s20", {}, **NEW)).status_code == 409
    assert (await device.patch("/states/s1", {"x": "a" * 65_600})).status_code == 413


async def test_new_names_at_once_do_not_exceed_the_bound(world: World) -> None:
    phone, laptop = world.device(), world.device()
    await phone.link()
    await laptop.link()
    answers = await asyncio.gather(
        *((phone, laptop)[number % 2].put(f"/states/s{number}", {}, **NEW) for number in range(30))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [409] * 10
    assert len((await phone.get("/states"))["items"]) == 20


async def test_one_new_name_from_two_devices_is_made_once(world: World) -> None:
    phone, laptop = world.device(), world.device()
    await phone.link()
    await laptop.link()
    for number in range(10):
        answers = await asyncio.gather(
            phone.put(f"/states/s{number}", {"by": "phone"}, **NEW),
            laptop.put(f"/states/s{number}", {"by": "laptop"}, **NEW),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_guests_states_become_the_users_beside_their_own(world: World, device: Device) -> None:
    before = world.device()
    await before.link()
    await before.put("/states/game", {"by": "user"}, **NEW)
    await device.put("/states/game", {"by": "guest"}, **NEW)
    await device.put("/states/notes", {"by": "guest"}, **NEW)
    await device.link()
    listed = [each["name"] for each in (await before.get("/states"))["items"]]
    assert listed == ["game", "game-2", "notes"]
    assert await before.get("/states/game") == {"by": "user"}
    assert await before.get("/states/game-2") == {"by": "guest"}
    assert await world.db.states.count_documents({}) == 3


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": "\xff"}', b'"\\ud800"', b'{"a": "\\ud800"}', b"[" * 5000]
)
async def test_what_is_no_json_is_refused(world: World, device: Device, body: bytes) -> None:
    headers = {"If-None-Match": "*"}
    answer = await world.http.put("/v1/session/states/game", content=body, headers=headers)
    assert answer.status_code in (400, 422)
