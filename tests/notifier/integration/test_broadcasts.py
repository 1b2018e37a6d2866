"""What an administrator tells everybody is in each inbox until it is withdrawn, and each reads it alone."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_chassis.auth import Caller
from shop_notifier.application import broadcasts, inbox
from shop_notifier.domain.broadcasts import MOST_SHOWN, Notice
from shop_notifier.domain.errors import TooManyBroadcasts
from shop_notifier.domain.policies import Rules
from shop_notifier.store.unit_of_work import Transact
from tests.notifier.conftest import queue_orders, transactor
from tests.notifier.integration.test_api import bearer
from tests.notifier.integration.test_api import inbox as seen_by

Database = AsyncDatabase[dict[str, Any]]
BOSS = bearer("usr_boss:administrator")
NOTICE = {"title": "Closed on Monday", "body": "We move the warehouse.", "link": "#/"}


async def publish(client: httpx.AsyncClient, key: str = "k1", **said: Any) -> httpx.Response:
    headers = {**BOSS, "Idempotency-Key": key}
    return await client.post("/v1/broadcasts", json={**NOTICE, **said}, headers=headers)


async def withdraw(client: httpx.AsyncClient, id: str) -> int:
    return (await client.delete(f"/v1/broadcasts/{id}", headers=BOSS)).status_code


async def test_everybody_sees_it_among_their_own_entries_and_it_is_unread(
    client: httpx.AsyncClient, transact: Transact
) -> None:
    await queue_orders(transact, 1)
    made = await publish(client)
    assert made.status_code == 201
    mine, other = await seen_by(client), await seen_by(client, "usr_2")
    assert [entry["kind"] for entry in mine["items"]] == ["broadcast", "receipt"]
    assert (mine["unread"], other["unread"]) == (2, 1)
    [entry] = other["items"]
    assert {name: entry[name] for name in NOTICE} == NOTICE
    assert entry["about"] == {"broadcast_id": made.json()["id"]}


async def test_nothing_is_written_for_those_who_have_not_read_it(
    client: httpx.AsyncClient, db: Database
) -> None:
    await publish(client)
    await seen_by(client)
    assert await db.notifications.count_documents({}) == 0
    assert await db.broadcast_reads.count_documents({}) == 0


async def test_reading_it_is_each_readers_own(client: httpx.AsyncClient, db: Database) -> None:
    id = (await publish(client)).json()["id"]
    path = f"/v1/notifications/{id}/read"
    answers = await asyncio.gather(*(client.post(path, headers=bearer("usr_1")) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["read_at"] for answer in answers}) == 1
    assert (await seen_by(client))["unread"] == 0
    assert (await seen_by(client))["items"][0]["read_at"] is not None
    assert (await seen_by(client, "usr_2"))["unread"] == 1
    assert await db.broadcast_reads.count_documents({}) == 1


async def test_pages_hold_each_entry_once_in_order(client: httpx.AsyncClient, transact: Transact) -> None:
    for number in range(5):
        await publish(client, f"k{number}", title=f"Notice {number}")
        await queue_orders(transact, 1)
    found, cursor = [], None
    while page := await seen_by(client, limit=3, **({"cursor": cursor} if cursor else {})):
        found += page["items"]
        if not (cursor := page["next_cursor"]):
            break
    assert Counter(entry["kind"] for entry in found) == {"broadcast": 5, "receipt": 5}
    assert len({entry["id"] for entry in found}) == 10
    assert [entry["created_at"] for entry in found] == sorted(
        (entry["created_at"] for entry in found), reverse=True
    )


async def test_a_withdrawn_one_is_in_no_inbox_and_cannot_be_read(client: httpx.AsyncClient) -> None:
    id = (await publish(client)).json()["id"]
    assert [await withdraw(client, id) for _ in range(2)] == [204, 204]
    assert await seen_by(client) == {"items": [], "next_cursor": None, "unread": 0}
    assert (await client.post(f"/v1/notifications/{id}/read", headers=bearer("usr_1"))).status_code == 404
    assert await withdraw(client, "brd_none") == 404


async def test_it_is_shown_for_a_while_only(db: Database) -> None:
    brief = transactor(db, Rules(broadcast_life=timedelta(0)))
    boss = Caller("usr_boss", frozenset({"administrator"}))
    await brief(broadcasts.publish, boss, Notice("title", "body"), "k")
    found = await brief.read(inbox.page, Caller("usr_1"), 10)
    assert (found.entries, found.unread) == ([], 0)


async def test_the_same_key_publishes_once_and_another_notice_under_it_is_refused(
    client: httpx.AsyncClient, db: Database
) -> None:
    answers = await asyncio.gather(*(publish(client) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await db.broadcasts.count_documents({}) == 1
    assert (await publish(client, title="Something else")).status_code == 422
    missing = await client.post("/v1/broadcasts", json=NOTICE, headers=BOSS)
    assert missing.status_code == 400


@pytest.mark.parametrize("token", ["usr_1", "usr_1:customer", "usr_1:support", "usr_1:merchant"])
async def test_only_administrators_publish_list_and_withdraw(client: httpx.AsyncClient, token: str) -> None:
    id = (await publish(client)).json()["id"]
    headers = {**bearer(token), "Idempotency-Key": "k2"}
    answers = [
        await client.post("/v1/broadcasts", json=NOTICE, headers=headers),
        await client.get("/v1/broadcasts", headers=headers),
        await client.delete(f"/v1/broadcasts/{id}", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (await client.get("/v1/broadcasts")).status_code == 401


async def test_administrators_see_all_there_ever_were_newest_first(client: httpx.AsyncClient) -> None:
    ids = [(await publish(client, f"k{number}")).json()["id"] for number in range(3)]
    await withdraw(client, ids[2])
    first = (await client.get("/v1/broadcasts", params={"limit": 2}, headers=BOSS)).json()
    rest = await client.get("/v1/broadcasts", params={"cursor": first["next_cursor"]}, headers=BOSS)
    shown = first["items"] + rest.json()["items"]
    assert [each["id"] for each in shown] == ids[::-1]
    assert [each["withdrawn_at"] is None for each in shown] == [False, True, True]
    assert rest.json()["next_cursor"] is None


@pytest.mark.parametrize(
    "said",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"body": "x" * 2001},
        {"link": "javascript:alert(1)"},
        {"link": "//elsewhere.example"},
        {"link": "/\\elsewhere.example"},
        {"link": "http://elsewhere.example"},
        {"link": "https://"},
        {"link": "/" + "x" * 500},
        {"audience": "all"},
    ],
)
async def test_what_is_not_acceptable_is_refused(client: httpx.AsyncClient, said: dict[str, str]) -> None:
    answer = await publish(client, **said)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("link", ["https://shop.example/a?b=c#d", "/", "/help", "#/products/prd_1", None])
async def test_a_link_leads_into_the_shop_or_to_a_secure_page(client: httpx.AsyncClient, link: Any) -> None:
    assert (await publish(client, link=link)).json()["link"] == link


async def test_no_more_than_a_bounded_number_is_shown_at_once(db: Database, transact: Transact) -> None:
    boss = Caller("usr_boss", frozenset({"administrator"}))

    async def many(uow: Any) -> None:
        for number in range(MOST_SHOWN):
            await broadcasts.publish(uow, boss, Notice("title", "body"), f"k{number}")

    await transact(many)
    with pytest.raises(TooManyBroadcasts):
        await transact(broadcasts.publish, boss, Notice("title", "body"), "one more")
