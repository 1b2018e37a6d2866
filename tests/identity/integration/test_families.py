"""Refreshing and logging out."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from shop_events.contracts.identity import RevocationExpired, TokenReuseDetected, TokensRevoked
from shop_identity.application import revocations
from tests.identity.conftest import PASSWORD, Identity, bearer

pytestmark = pytest.mark.integration


async def family_of(identity: Identity) -> dict[str, Any]:
    family = await identity.db.families.find_one({})
    assert family is not None
    return dict(family)


async def test_each_refresh_gives_new_tokens(identity: Identity) -> None:
    token = (await identity.tokens())["refresh_token"]
    seen = {token}
    for _ in range(3):
        answer = await identity.refresh(token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
        assert (await identity.me(answer.json()["access_token"])).status_code == 200
        seen.add(token)
    assert len(seen) == 4


async def test_only_a_digest_of_a_refresh_token_is_stored(identity: Identity) -> None:
    token = (await identity.tokens())["refresh_token"]
    stored = await identity.db.refresh_tokens.find_one({})
    assert stored is not None
    assert token not in repr(stored)
    assert len(stored["_id"]) == 64


async def test_two_tabs_refreshing_the_same_token_both_go_on(identity: Identity) -> None:
    token = (await identity.tokens())["refresh_token"]
    one = await identity.refresh(token)
    identity.clock.advance(seconds=9)
    other = await identity.refresh(token)
    assert (one.status_code, other.status_code) == (200, 200)
    assert one.json()["refresh_token"] != other.json()["refresh_token"]
    assert (await identity.refresh(other.json()["refresh_token"])).status_code == 200


async def test_twenty_refreshes_at_once_give_siblings_of_one_parent_and_log_nobody_out(
    identity: Identity,
) -> None:
    token = (await identity.tokens())["refresh_token"]
    answers = await asyncio.gather(*(identity.refresh(token) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    children = await identity.db.refresh_tokens.find({"generation": {"$gt": 1}}).to_list()
    assert [child["generation"] for child in children] == [2] * 20
    family = await family_of(identity)
    assert (family["generation"], family["revoked_at"]) == (2, None)
    assert await identity.relay.run() == []


async def test_a_token_shown_again_later_ends_the_family_and_is_told(identity: Identity) -> None:
    granted = await identity.tokens()
    newest = (await identity.refresh(granted["refresh_token"])).json()
    identity.clock.advance(seconds=11)
    stolen = await identity.refresh(granted["refresh_token"])
    assert stolen.status_code == 401
    revoked, detected = await identity.relay.run()
    family = await family_of(identity)
    assert isinstance(revoked, TokensRevoked)
    assert (revoked.subject, revoked.lowest_epoch) == (family["_id"], 2)
    assert isinstance(detected, TokenReuseDetected)
    assert detected.user_id == granted["user_id"]
    assert (await identity.refresh(newest["refresh_token"])).status_code == 401
    assert (await identity.me(newest["access_token"])).status_code == 401


async def test_a_grandparent_ends_the_family_at_once(identity: Identity) -> None:
    first = (await identity.tokens())["refresh_token"]
    second = (await identity.refresh(first)).json()["refresh_token"]
    await identity.refresh(second)
    assert (await identity.refresh(first)).status_code == 401
    assert (await family_of(identity))["revoked_at"] is not None


async def test_reuse_is_told_once_however_often_it_is_tried(identity: Identity) -> None:
    token = (await identity.tokens())["refresh_token"]
    await identity.refresh(token)
    identity.clock.advance(seconds=11)
    answers = await asyncio.gather(*(identity.refresh(token) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {401}
    assert len(await identity.relay.run()) == 2


async def test_refusals_look_the_same(identity: Identity) -> None:
    token = (await identity.tokens())["refresh_token"]
    await identity.refresh(token)
    identity.clock.advance(seconds=11)
    reused = (await identity.refresh(token)).json()
    unknown = (await identity.refresh("x" * 43)).json()
    assert reused["detail"] == unknown["detail"]
    assert reused["type"] == unknown["type"]


async def test_an_idle_login_is_over_though_still_stored(identity: Identity) -> None:
    token = (await identity.tokens())["refresh_token"]
    identity.clock.advance(days=14)
    assert (await identity.refresh(token)).status_code == 401


async def test_a_browser_s_refresh_token_is_out_of_reach_of_scripts_and_rotates_all_the_same(
    identity: Identity,
) -> None:
    await identity.register()
    told = {"email": "ada@example.test", "password": PASSWORD, "cookie": True}
    granted = await identity.http.post("/v1/auth/login", json=told)
    assert granted.json()["refresh_token"] is None
    first = granted.headers["set-cookie"]
    assert first.startswith("__Secure-refresh=")
    assert {part.strip() for part in first.split(";")[1:]} == {
        "HttpOnly",
        "Path=/v1/auth",
        "SameSite=strict",
        "Secure",
    }

    async def renew(cookie: str) -> httpx.Response:
        headers = {"Cookie": cookie.split(";", maxsplit=1)[0]}
        return await identity.http.post("/v1/auth/refresh", json={}, headers=headers)

    renewed = await renew(first)
    assert renewed.json()["refresh_token"] is None
    assert (await renew(renewed.headers["set-cookie"])).status_code == 200
    identity.clock.advance(seconds=11)
    assert (await renew(first)).status_code == 401, "an old one is a copy, wherever it was kept"


async def test_logging_out_takes_a_browser_s_refresh_token_back(identity: Identity) -> None:
    granted = await identity.tokens()
    headers = bearer(granted["access_token"]) | {"Cookie": f"__Secure-refresh={granted['refresh_token']}"}
    answer = await identity.http.post("/v1/auth/logout", headers=headers)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "Path=/v1/auth" in answer.headers["set-cookie"]


async def test_who_shows_no_refresh_token_gets_nothing(identity: Identity) -> None:
    answer = await identity.http.post("/v1/auth/refresh", json={})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_logging_out_ends_this_login_alone(identity: Identity) -> None:
    here = await identity.tokens()
    there = (await identity.log_in()).json()
    await identity.relay.run()
    answer = await identity.http.post("/v1/auth/logout", headers=bearer(here["access_token"]))
    assert answer.status_code == 204
    [revoked] = await identity.relay.run()
    assert isinstance(revoked, TokensRevoked)
    assert revoked.subject.startswith("fam_")
    assert (await identity.me(here["access_token"])).status_code == 401
    assert (await identity.refresh(here["refresh_token"])).status_code == 401
    assert (await identity.me(there["access_token"])).status_code == 200
    assert (await identity.refresh(there["refresh_token"])).status_code == 200


async def test_logging_out_everywhere_ends_all_logins_and_a_new_one_is_good(identity: Identity) -> None:
    here = await identity.tokens()
    there = (await identity.log_in()).json()
    answer = await identity.http.post(
        "/v1/auth/logout", json={"everywhere": True}, headers=bearer(here["access_token"])
    )
    assert answer.status_code == 204
    await identity.relay.run()
    for granted in (here, there):
        assert (await identity.me(granted["access_token"])).status_code == 401
        assert (await identity.refresh(granted["refresh_token"])).status_code == 401
    again = (await identity.log_in()).json()
    assert (await identity.me(again["access_token"])).status_code == 200


async def test_a_login_never_outlives_a_logout_at_the_same_time(identity: Identity) -> None:
    granted = await identity.tokens()
    refreshed, _ = await asyncio.gather(
        identity.refresh(granted["refresh_token"]),
        identity.http.post("/v1/auth/logout", headers=bearer(granted["access_token"])),
    )
    await identity.relay.run()
    if refreshed.status_code == 200:
        assert (await identity.me(refreshed.json()["access_token"])).status_code == 401
        assert (await identity.refresh(refreshed.json()["refresh_token"])).status_code == 401


async def test_a_revocation_is_taken_back_when_its_tokens_have_expired(identity: Identity) -> None:
    granted = await identity.tokens()
    await identity.http.post(
        "/v1/auth/logout", json={"everywhere": True}, headers=bearer(granted["access_token"])
    )
    await identity.relay.run()
    assert not await identity.transact(revocations.expire)
    assert await identity.relay.run() == []
    identity.clock.advance(minutes=7)
    await identity.transact(revocations.expire)
    expired = await identity.relay.run()
    assert {type(event) for event in expired} == {RevocationExpired}
    assert [each.envelope.sequence for each in identity.relay.told[-2:]] == [2, 2]
    kept = await identity.db.revocations.find().to_list()
    assert [row["_id"] for row in kept] == [granted["user_id"]]
