"""Logging in: failures are counted, and nobody's failures keep an owner out."""

from __future__ import annotations

import asyncio
import json

import jwt
import pytest

from shop_events.contracts.identity import LoginFailed, LoginSucceeded
from tests.identity.conftest import PASSWORD, Identity

pytestmark = pytest.mark.integration


async def test_a_login_gives_a_token_that_says_who_and_for_how_long(identity: Identity) -> None:
    granted = await identity.tokens()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 300)
    header = jwt.get_unverified_header(granted["access_token"])
    claims = jwt.decode(granted["access_token"], options={"verify_signature": False})
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    assert header["kid"] in identity.relay.keys
    assert claims["exp"] - claims["iat"] == 300
    assert (claims["sub"], claims["roles"], claims["epoch"]) == (granted["user_id"], ["customer"], 1)
    told = [each.event for each in identity.relay.told]
    assert isinstance(told[-1], LoginSucceeded)
    assert (told[-1].user_id, told[-1].family_id) == (granted["user_id"], claims["sid"])


async def test_a_wrong_password_and_an_unknown_address_look_the_same(identity: Identity) -> None:
    await identity.register()
    wrong = await identity.log_in(password="wrong password")
    unknown = await identity.log_in("nobody@example.test")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]
    without_id = [
        {name: value for name, value in answer.json().items() if name != "correlation_id"}
        for answer in (wrong, unknown)
    ]
    assert without_id[0] == without_id[1]


async def test_a_failure_is_told_without_what_was_typed(identity: Identity) -> None:
    user_id = (await identity.register()).json()["id"]
    await identity.relay.run()
    await identity.log_in(password="wrong password")
    await identity.log_in("nobody@example.test")
    known, unknown = await identity.relay.run()
    assert isinstance(known, LoginFailed)
    assert isinstance(unknown, LoginFailed)
    assert (known.subject, known.reason) == (user_id, "credentials")
    assert "nobody" not in unknown.subject
    assert len(unknown.subject) == 32


async def test_events_of_one_subject_are_numbered_without_gap(identity: Identity) -> None:
    await identity.register()
    await identity.relay.run()
    await asyncio.gather(*(identity.log_in() for _ in range(10)))
    await identity.relay.run()
    logins = [each for each in identity.relay.told if isinstance(each.event, LoginSucceeded)]
    assert sorted(each.envelope.sequence for each in logins) == list(range(1, 11))


async def test_only_failures_count(identity: Identity) -> None:
    await identity.register()
    answers = await asyncio.gather(*(identity.log_in() for _ in range(60)))
    answers += [await identity.log_in() for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}


async def test_failures_fill_a_bucket_that_leaks(identity: Identity) -> None:
    await identity.register()
    answers = [await identity.log_in(password="wrong password") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 30
    assert (await identity.log_in()).status_code == 429
    identity.clock.advance(seconds=30)
    assert (await identity.log_in()).status_code == 200


async def test_throttling_is_told_once(identity: Identity) -> None:
    await identity.register()
    await identity.relay.run()
    for _ in range(15):
        await identity.log_in(password="wrong password")
    reasons = [event.reason for event in await identity.relay.run() if isinstance(event, LoginFailed)]
    assert reasons == ["credentials"] * 10 + ["throttled"]


async def test_the_owner_gets_through_while_the_account_is_attacked(identity: Identity) -> None:
    await identity.register()
    assert (await identity.log_in(client="198.51.100.7")).status_code == 200
    attack = [await identity.log_in(password="wrong password", client=f"203.0.113.{i}") for i in range(60)]
    assert attack[-1].status_code == 429
    assert (await identity.log_in(client="198.51.100.7")).status_code == 200


async def test_an_unknown_client_finds_a_slow_lane_under_attack_and_no_closed_door(
    identity: Identity,
) -> None:
    await identity.register()
    for i in range(50):
        await identity.log_in(password="wrong password", client=f"203.0.113.{i}")
    assert (await identity.log_in(client="192.0.2.1")).status_code == 429
    identity.clock.advance(seconds=30)
    assert (await identity.log_in(client="192.0.2.1")).status_code == 200


async def test_one_client_cannot_try_many_accounts(identity: Identity) -> None:
    answers = [await identity.log_in(f"user{i}@example.test") for i in range(101)]
    assert [answer.status_code for answer in answers] == [401] * 100 + [429]


async def test_nothing_typed_is_kept_beside_the_user(identity: Identity) -> None:
    await identity.tokens()
    await identity.log_in("nobody@example.test", client="203.0.113.99")
    for name in ("failures", "access_sequences", "outbox", "families", "refresh_tokens"):
        stored = json.dumps([row async for row in identity.db[name].find()], default=str)
        assert not any(word in stored for word in ("example.test", "203.0.113", "198.51.100", PASSWORD))


async def test_spaces_belong_to_a_password(identity: Identity) -> None:
    body = {"email": "ada@example.test", "password": "  ten spaces  "}
    assert (await identity.http.post("/v1/users", json=body)).status_code == 201
    assert (await identity.log_in(password="ten spaces")).status_code == 401
    assert (await identity.log_in(password="  ten spaces  ")).status_code == 200
