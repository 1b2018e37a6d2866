"""Guests: who reads an address's mail may buy, and follow what they bought; nobody else learns anything."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from shop_events.contracts.identity import (
    ContactChanged,
    GuestCodeIssued,
    GuestLinkIssued,
    LoginFailed,
    UserChanged,
)
from shop_identity.domain.policy import Policy
from tests.identity.conftest import Identity, bearer

pytestmark = pytest.mark.integration

ADDRESS = "gwen@example.test"


async def ask(
    identity: Identity, email: str = ADDRESS, client: str = "198.51.100.1", **more: Any
) -> httpx.Response:
    headers = {"X-Forwarded-For": client}
    return await identity.http.post("/v1/guests", json={"email": email, **more}, headers=headers)


async def show(
    identity: Identity, verification_id: str, code: str, client: str = "198.51.100.1", **more: Any
) -> httpx.Response:
    body = {"verification_id": verification_id, "code": code, **more}
    headers = {"X-Forwarded-For": client}
    return await identity.http.post("/v1/guests/verification", json=body, headers=headers)


async def follow(identity: Identity, token: str, client: str = "198.51.100.1") -> httpx.Response:
    headers = {"X-Forwarded-For": client}
    return await identity.http.post("/v1/guests/access", json={"token": token}, headers=headers)


async def mailed(identity: Identity, email: str = ADDRESS, **more: Any) -> GuestCodeIssued:
    """Ask for a code and return what notifier is told."""
    answer = await ask(identity, email, **more)
    assert answer.status_code == 202, answer.text
    (told,) = [event for event in await identity.relay.run() if isinstance(event, GuestCodeIssued)]
    assert told.verification_id == answer.json()["verification_id"]
    return told


async def admitted(identity: Identity, email: str = ADDRESS, **more: Any) -> tuple[dict[str, Any], str]:
    """Become a guest; return what was granted and the token of the link."""
    told = await mailed(identity, email, **more)
    answer = await show(identity, told.verification_id, told.code)
    assert answer.status_code == 200, answer.text
    (link,) = [event for event in await identity.relay.run() if isinstance(event, GuestLinkIssued)]
    granted: dict[str, Any] = answer.json()
    assert link.user_id == granted["user_id"]
    return granted, link.token


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


async def test_nobody_is_there_before_the_code_was_shown(identity: Identity) -> None:
    told = await mailed(identity, name="Gwen")
    assert (told.address, told.name) == (ADDRESS, "Gwen")
    assert len(told.code) == 8
    assert await identity.db["users"].count_documents({}) == 0


async def test_who_shows_the_code_is_a_guest_with_a_verified_address(identity: Identity) -> None:
    told = await mailed(identity, name="Gwen")
    answer = await show(identity, told.verification_id, told.code)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["roles"]) == (told.user_id, ["guest"])
    events = await identity.relay.run()
    (user,) = [event for event in events if isinstance(event, UserChanged)]
    (contact,) = [event for event in events if isinstance(event, ContactChanged)]
    assert user.roles == ("guest",)
    assert (contact.user_id, contact.guest, contact.name) == (told.user_id, True, "Gwen")
    assert [(point.address, point.verified) for point in contact.points] == [(ADDRESS, True)]
    assert (await identity.me(answer.json()["access_token"])).json()["email"] == ADDRESS


async def test_a_code_holds_once_for_some_minutes_and_a_few_tries(identity: Identity) -> None:
    told = await mailed(identity)
    assert (await show(identity, told.verification_id, told.code)).status_code == 200
    assert (await show(identity, told.verification_id, told.code)).status_code == 401

    told = await mailed(identity)
    for _ in range(Policy().code_tries):
        assert (await show(identity, told.verification_id, wrong(told.code))).status_code == 401
    assert (await show(identity, told.verification_id, told.code)).status_code == 401

    told = await mailed(identity)
    identity.clock.advance(minutes=10)
    assert (await show(identity, told.verification_id, told.code)).status_code == 401


async def test_a_code_counts_once_however_often_it_is_shown_at_once(identity: Identity) -> None:
    told = await mailed(identity)
    answers = await asyncio.gather(*(show(identity, told.verification_id, told.code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    links = [event for event in await identity.relay.run() if isinstance(event, GuestLinkIssued)]
    assert len(links) == 1


async def test_guesses_at_the_same_time_are_all_counted(identity: Identity) -> None:
    told = await mailed(identity)
    guesses = (show(identity, told.verification_id, wrong(told.code)) for _ in range(20))
    await asyncio.gather(*guesses)
    failures = [event for event in await identity.relay.run() if isinstance(event, LoginFailed)]
    assert len(failures) == Policy().code_tries
    assert all(ADDRESS not in failure.subject for failure in failures)


async def test_a_code_of_another_verification_does_not_hold(identity: Identity) -> None:
    told, other = await mailed(identity), await mailed(identity, "other@example.test")
    assert (await show(identity, told.verification_id, other.code)).status_code == 401
    assert (await show(identity, "ver_" + "0" * 32, told.code)).status_code == 401


async def test_two_verifications_of_one_new_address_at_once_make_one_guest(identity: Identity) -> None:
    told = [await mailed(identity) for _ in range(3)]
    assert len({each.user_id for each in told}) == 3
    answers = await asyncio.gather(*(show(identity, each.verification_id, each.code) for each in told))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["user_id"] for answer in answers}) == 1
    assert await identity.db["users"].count_documents({}) == 1


async def test_a_guest_who_comes_back_is_the_same_one(identity: Identity) -> None:
    first, _ = await admitted(identity, name="Gwen")
    assert (await mailed(identity)).user_id == first["user_id"], "deliveries are told under the same id"
    again, _ = await admitted(identity, "GWEN@example.test", name="Gwendolyn")
    assert again["user_id"] == first["user_id"]
    assert (await identity.me(again["access_token"])).json()["name"] == "Gwendolyn"


async def test_a_guest_with_a_registered_address_is_not_who_registered(identity: Identity) -> None:
    registered = await identity.tokens(ADDRESS)
    guest, _ = await admitted(identity)
    assert guest["user_id"] != registered["user_id"]
    assert (await identity.log_in(ADDRESS)).json()["user_id"] == registered["user_id"]


async def test_an_address_of_a_guest_can_still_be_registered(identity: Identity) -> None:
    guest, _ = await admitted(identity)
    registered = await identity.tokens(ADDRESS)
    assert registered["user_id"] != guest["user_id"]
    assert "customer" in (await identity.me(registered["access_token"])).json()["roles"]


async def test_no_password_leads_to_a_guest(identity: Identity) -> None:
    guest, _ = await admitted(identity)
    for typed in (ADDRESS, f"GUEST {ADDRESS}", f"guest {ADDRESS}"):
        assert (await identity.log_in(typed)).status_code == 401
    failures = [event for event in await identity.relay.run() if isinstance(event, LoginFailed)]
    assert len(failures) == 3
    assert guest["user_id"] not in {failure.subject for failure in failures}


async def test_the_answer_does_not_say_whether_an_address_is_known(identity: Identity) -> None:
    await identity.tokens("registered@example.test")
    guest, _ = await admitted(identity, "guest@example.test")
    texts = []
    for email in ("registered@example.test", "guest@example.test", "nobody@example.test"):
        answer = await ask(identity, email)
        assert answer.status_code == 202
        assert guest["user_id"] not in answer.text
        texts.append({**answer.json(), "verification_id": ""})
    assert texts[0] == texts[1] == texts[2]


async def test_mails_to_one_address_are_limited_whoever_asks(identity: Identity) -> None:
    answers = await asyncio.gather(*(ask(identity, client=f"203.0.113.{i}") for i in range(12)))
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [429] * 7
    assert len(await identity.relay.run()) == 5
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    identity.clock.advance(minutes=5)
    assert (await ask(identity)).status_code == 202


async def test_others_asking_does_not_keep_a_guest_out_who_was_here(identity: Identity) -> None:
    await admitted(identity)
    for i in range(10):
        await ask(identity, client=f"203.0.113.{i}")
    assert (await ask(identity, client="192.0.2.1")).status_code == 429
    assert (await ask(identity)).status_code == 202


async def test_one_client_cannot_have_many_addresses_mailed(identity: Identity) -> None:
    answers = [await ask(identity, f"guest{i}@example.test") for i in range(61)]
    assert [answer.status_code for answer in answers] == [202] * 60 + [429]


async def test_one_client_cannot_guess_for_ever(identity: Identity) -> None:
    answers = [await follow(identity, f"guess {i}") for i in range(101)]
    assert [answer.status_code for answer in answers] == [401] * 100 + [429]
    _, token = await admitted_elsewhere(identity)
    assert (await follow(identity, token)).status_code == 429
    assert (await follow(identity, token, client="192.0.2.1")).status_code == 200


async def admitted_elsewhere(identity: Identity) -> tuple[str, str]:
    told = await mailed(identity)
    answer = await show(identity, told.verification_id, told.code, client="192.0.2.1")
    (link,) = [event for event in await identity.relay.run() if isinstance(event, GuestLinkIssued)]
    return answer.json()["access_token"], link.token


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no address"},
        {"email": ADDRESS, "time_zone": "Mars/Crater"},
        {"email": ADDRESS, "roles": ["administrator"]},
        {"email": ADDRESS, "name": "x" * 201},
        {},
    ],
)
async def test_what_is_malformed_is_refused_and_mails_nothing(
    identity: Identity, body: dict[str, Any]
) -> None:
    answer = await identity.http.post("/v1/guests", json=body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert await identity.relay.run() == []


async def test_a_guest_goes_on_for_an_hour(identity: Identity) -> None:
    granted, _ = await admitted(identity)
    identity.clock.advance(minutes=59)
    granted = (await identity.refresh(granted["refresh_token"])).json()
    identity.clock.advance(minutes=2)
    assert (await identity.refresh(granted["refresh_token"])).status_code == 401


async def test_a_browser_keeps_the_refresh_token_in_its_cookie(identity: Identity) -> None:
    told = await mailed(identity)
    answer = await show(identity, told.verification_id, told.code, cookie=True)
    assert answer.json()["refresh_token"] is None
    assert "HttpOnly" in answer.headers["Set-Cookie"]


async def test_a_link_leads_to_its_guest_without_a_refresh_token(identity: Identity) -> None:
    granted, token = await admitted(identity)
    identity.clock.advance(days=89)
    answer = await follow(identity, token)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    followed = answer.json()
    claims = jwt.decode(followed["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["roles"]) == (granted["user_id"], ["guest"])
    assert (followed["refresh_token"], followed["expires_in"]) == (None, 300)
    assert claims["scope"] == "read-only"


async def test_a_link_ends_in_time(identity: Identity) -> None:
    _, token = await admitted(identity)
    identity.clock.advance(days=90)
    assert (await follow(identity, token)).status_code == 401


async def test_logging_out_everywhere_revokes_all_links(identity: Identity) -> None:
    _, earlier = await admitted(identity)
    granted, token = await admitted(identity)
    headers = bearer(granted["access_token"])
    out = await identity.http.post("/v1/auth/logout", json={"everywhere": True}, headers=headers)
    assert out.status_code == 204
    assert (await follow(identity, token)).status_code == 401
    assert (await follow(identity, earlier)).status_code == 401
    _, later = await admitted(identity)
    assert (await follow(identity, later)).status_code == 200


async def test_what_ends_with_a_short_login_leaves_the_link(identity: Identity) -> None:
    granted, token = await admitted(identity)
    await identity.http.post("/v1/auth/logout", headers=bearer(granted["access_token"]))
    assert (await follow(identity, token)).status_code == 200


async def test_a_closed_guest_gets_neither_token_nor_link(identity: Identity) -> None:
    granted, token = await admitted(identity)
    await identity.db["users"].update_one({"_id": granted["user_id"]}, {"$set": {"status": "disabled"}})
    assert (await follow(identity, token)).status_code == 401
    told = await mailed(identity)
    assert (await show(identity, told.verification_id, told.code)).status_code == 401
    events = await identity.relay.run()
    assert [event.reason for event in events if isinstance(event, LoginFailed)] == ["disabled"]
    assert not any(isinstance(event, GuestLinkIssued) for event in events)


async def test_guests_are_given_no_other_role_and_nobody_theirs(identity: Identity) -> None:
    guest, _ = await admitted(identity)
    admin, customer = await identity.tokens("admin@example.test"), await identity.tokens("c@example.test")
    await identity.db["users"].update_one({"_id": admin["user_id"]}, {"$set": {"roles": ["administrator"]}})
    headers = bearer((await identity.log_in("admin@example.test")).json()["access_token"])
    for user_id, roles in ((guest["user_id"], ["administrator"]), (customer["user_id"], ["guest"])):
        answer = await identity.http.put(f"/v1/users/{user_id}/roles", json={"roles": roles}, headers=headers)
        assert answer.status_code == 409, answer.text


async def test_a_guest_names_no_phone(identity: Identity) -> None:
    granted, _ = await admitted(identity)
    headers = {**bearer(granted["access_token"]), "If-Match": '"v2"'}
    answer = await identity.http.patch("/v1/users/me", json={"phone": "+442079460018"}, headers=headers)
    assert answer.status_code == 422, answer.text
    answer = await identity.http.patch("/v1/users/me", json={"marketing": True}, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_neither_code_nor_token_nor_address_is_kept_where_it_need_not_be(identity: Identity) -> None:
    told = await mailed(identity)
    assert (await identity.http.get("/v1/users/me")).status_code == 401
    await show(identity, told.verification_id, wrong(told.code))
    code = told.code
    stored = await dump(identity)
    assert code not in stored
    await show(identity, told.verification_id, told.code)
    (link,) = [event for event in await identity.relay.run() if isinstance(event, GuestLinkIssued)]
    await follow(identity, link.token)
    stored = await dump(identity)
    assert link.token not in stored
    assert not any(secret in repr(told) + repr(link) for secret in (code, ADDRESS, link.token))
    for name in ("failures", "access_sequences", "outbox", "families", "follow_links", "verifications"):
        kept = json.dumps([row async for row in identity.db[name].find()], default=str)
        assert ADDRESS not in kept, name


async def dump(identity: Identity) -> str:
    names = await identity.db.list_collection_names()
    rows = {name: [row async for row in identity.db[name].find()] for name in names if name != "outbox"}
    return json.dumps(rows, default=str)


async def test_verifications_and_links_are_removed_in_time(identity: Identity) -> None:
    await admitted(identity)
    for name in ("verifications", "follow_links"):
        indexes = await identity.db[name].index_information()
        assert any(each.get("expireAfterSeconds") == 0 for each in indexes.values()), name
    (link,) = [row async for row in identity.db["follow_links"].find()]
    assert link["expires_at"] - link["issued_at"] == timedelta(days=90)
