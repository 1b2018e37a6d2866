"""Registering, seeing and changing oneself, roles, the first administrator."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from shop_events.contracts.identity import ContactChanged, TokensRevoked, UserChanged
from shop_identity.application import republishing
from shop_identity.application.users import create_administrator
from shop_identity.domain.addresses import email_address
from shop_identity.domain.errors import AddressTaken, AdministratorExists
from tests.identity.conftest import PASSWORD, Clock, Identity, bearer

pytestmark = pytest.mark.integration


async def administrator(identity: Identity) -> dict[str, Any]:
    password_hash = await identity.parts.passwords.hash(PASSWORD)
    await identity.transact(
        create_administrator, email_address("root@example.test", allow_test=True), password_hash
    )
    granted: dict[str, Any] = (await identity.log_in("root@example.test")).json()
    return granted


async def test_registering_makes_a_customer_and_tells_of_user_and_contact(identity: Identity) -> None:
    answer = await identity.register(name="Ada", phone="+44 20 7946 0018", language="en", time_zone="UTC")
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/users/me"
    shown = answer.json()
    assert (shown["roles"], shown["phone"]) == (["customer"], "+442079460018")
    user, contact = await identity.relay.run()
    assert user == UserChanged(user_id=shown["id"], roles=("customer",))
    assert isinstance(contact, ContactChanged)
    assert [point.address for point in contact.points] == ["ada@example.test", "+442079460018"]


async def test_one_address_is_one_user_also_in_a_race(identity: Identity) -> None:
    answers = await asyncio.gather(
        *(identity.register(email) for email in 5 * ["ada@example.test", "Ada@EXAMPLE.test"])
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert await identity.db.users.count_documents({}) == 1
    assert len(await identity.relay.run()) == 2


async def test_the_same_key_and_body_give_the_same_user_also_at_the_same_time(identity: Identity) -> None:
    body = {"email": "ada@example.test", "password": PASSWORD, "name": "Ada"}
    headers = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(identity.http.post("/v1/users", json=body, headers=headers) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize("change", [{"name": "Eve"}, {"password": "another password"}])
async def test_the_same_key_with_another_request_is_refused(
    identity: Identity, change: dict[str, str]
) -> None:
    body = {"email": "ada@example.test", "password": PASSWORD, "name": "Ada"}
    headers = {"Idempotency-Key": "once"}
    await identity.http.post("/v1/users", json=body, headers=headers)
    answer = await identity.http.post("/v1/users", json=body | change, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":idempotency-key-reused")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "ada"}, "#/email"),
        ({"password": "short"}, "#/password"),
        ({"phone": "020 7946 0018"}, "#/phone"),
        ({"phone": "12"}, "#/phone"),
        ({"time_zone": "Mars/Olympus"}, "#/time_zone"),
        ({"roles": ["administrator"]}, "#/roles"),
    ],
)
async def test_a_value_that_is_not_acceptable_is_named_and_never_repeated(
    identity: Identity, change: dict[str, Any], pointer: str
) -> None:
    answer = await identity.http.post(
        "/v1/users", json={"email": "ada@example.test", "password": PASSWORD} | change
    )
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert PASSWORD not in answer.text
    assert await identity.db.users.count_documents({}) == 0


@pytest.mark.parametrize("phone", ["1", "+4", "12", "020 7946 0018"])
async def test_a_phone_number_is_refused_in_words_for_people(identity: Identity, phone: str) -> None:
    person = {"email": "ada@example.test", "password": PASSWORD, "phone": phone}
    answer = await identity.http.post("/v1/users", json=person)
    [error] = answer.json()["errors"]
    assert (error["pointer"], "country code" in error["message"]) == ("#/phone", True)


async def test_looking_for_taken_addresses_is_throttled(identity: Identity) -> None:
    await identity.register()
    answers = [await identity.register() for _ in range(21)]
    assert [answer.status_code for answer in answers] == [409] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_me_is_only_ones_own(identity: Identity) -> None:
    ada = await identity.tokens("ada@example.test")
    eve = await identity.tokens("eve@example.test")
    assert (await identity.me(ada["access_token"])).json()["email"] == "ada@example.test"
    assert (await identity.me(eve["access_token"])).json()["email"] == "eve@example.test"
    assert (await identity.http.get("/v1/users/me")).status_code == 401
    assert (await identity.http.get(f"/v1/users/{ada['user_id']}")).status_code == 405


async def test_a_profile_changes_only_from_the_state_that_was_seen(identity: Identity) -> None:
    headers = bearer((await identity.tokens())["access_token"])
    seen = (await identity.http.get("/v1/users/me", headers=headers)).headers["ETag"]
    change = {"name": "Ada L.", "phone": "+442079460018"}
    answers = [
        await identity.http.patch("/v1/users/me", json=change, headers={**headers, "If-Match": seen})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 412]
    assert answers[0].json()["name"] == "Ada L."
    assert answers[0].headers["ETag"] != seen
    [event] = await identity.relay.run()
    assert isinstance(event, ContactChanged)
    assert identity.relay.told[-1].envelope.sequence == 2
    missing = await identity.http.patch("/v1/users/me", json=change, headers=headers)
    assert missing.status_code == 428


async def test_marketing_is_off_until_the_user_turns_it_on_and_each_yes_counts_anew(
    identity: Identity, clock: Clock
) -> None:
    token = (await identity.tokens())["access_token"]
    await identity.relay.run()
    assert (await identity.me(token)).json()["marketing"] is False

    async def say(**said: Any) -> tuple[bool, Any]:
        seen = (await identity.me(token)).headers["ETag"]
        answer = await identity.http.patch(
            "/v1/users/me", json=said, headers={**bearer(token), "If-Match": seen}
        )
        told = [event.marketing_since for event in await identity.relay.run()]  # type: ignore[attr-defined]
        return answer.json()["marketing"], told

    clock.now = clock.now.replace(microsecond=0)
    first, later = clock(), clock() + timedelta(minutes=1)
    assert await say(marketing=True) == (True, [first])
    clock.advance(minutes=1)
    assert await say(name="Ada L.") == (True, [first])
    assert await say(marketing=True) == (True, [later])
    assert await say(marketing=False) == (False, [None])
    assert await say(marketing=False) == (False, [])


async def test_of_changes_at_the_same_time_one_wins(identity: Identity) -> None:
    headers = bearer((await identity.tokens())["access_token"])
    seen = (await identity.http.get("/v1/users/me", headers=headers)).headers["ETag"]
    answers = await asyncio.gather(
        *(
            identity.http.patch(
                "/v1/users/me", json={"name": f"Ada {i}"}, headers={**headers, "If-Match": seen}
            )
            for i in range(10)
        )
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 9}


async def test_new_roles_let_old_tokens_fall_and_come_with_the_next_one(identity: Identity) -> None:
    ada = await identity.tokens()
    root = await administrator(identity)
    await identity.relay.run()
    path = f"/v1/users/{ada['user_id']}/roles"
    answer = await identity.http.put(
        path, json={"roles": ["customer", "merchant"]}, headers=bearer(root["access_token"])
    )
    assert answer.json() == {"id": ada["user_id"], "roles": ["customer", "merchant"]}
    user, revoked = await identity.relay.run()
    assert user == UserChanged(user_id=ada["user_id"], roles=("customer", "merchant"))
    assert isinstance(revoked, TokensRevoked)
    assert (revoked.subject, revoked.lowest_epoch) == (ada["user_id"], 2)
    assert (await identity.me(ada["access_token"])).status_code == 401
    fresh = (await identity.refresh(ada["refresh_token"])).json()
    assert (await identity.me(fresh["access_token"])).json()["roles"] == ["customer", "merchant"]


async def test_only_administrators_assign_roles_and_only_known_ones(identity: Identity) -> None:
    ada = await identity.tokens()
    path = f"/v1/users/{ada['user_id']}/roles"
    own = await identity.http.put(
        path, json={"roles": ["administrator"]}, headers=bearer(ada["access_token"])
    )
    assert own.status_code == 403
    root = bearer((await administrator(identity))["access_token"])
    unknown = await identity.http.put(path, json={"roles": ["emperor"]}, headers=root)
    assert unknown.status_code == 422
    nobody = await identity.http.put(f"/v1/users/usr_{'0' * 32}/roles", json={"roles": []}, headers=root)
    assert nobody.status_code == 404
    assert (await identity.me(ada["access_token"])).json()["roles"] == ["customer"]


async def test_the_first_administrator_is_made_once_also_in_a_race(identity: Identity) -> None:
    made = await asyncio.gather(
        *(
            identity.transact(
                create_administrator, email_address(f"root{i}@example.test", allow_test=True), "hash"
            )
            for i in range(5)
        ),
        return_exceptions=True,
    )
    assert Counter(type(each).__name__ for each in made) == {"User": 1, "AdministratorExists": 4}
    with pytest.raises(AdministratorExists):
        await administrator(identity)


async def test_whoever_registered_an_address_is_not_promoted(identity: Identity) -> None:
    await identity.register("root@example.test")
    with pytest.raises(AddressTaken):
        await administrator(identity)


async def test_republishing_tells_the_current_state_with_its_current_numbers(identity: Identity) -> None:
    for i in range(3):
        await identity.register(f"ada{i}@example.test")
    before = [(each.event, each.envelope.sequence) for each in identity.relay.told]
    before += [(event, 1) for event in await identity.relay.run()]
    facts = await republishing.republish(identity.transact)
    again = [(event, 1) for event in await identity.relay.run()]
    assert facts == len(again) == 7
    assert sorted(map(repr, again)) == sorted(map(repr, before))
