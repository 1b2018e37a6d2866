"""Closing an account: nothing of the person stays, nothing of it holds, and everybody is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from shop_events.contracts.identity import (
    ContactDeleted,
    PaymentMethodsDeleted,
    TokensRevoked,
    UserDeleted,
    UserErased,
)
from shop_identity.application import republishing
from tests.identity.conftest import Identity, bearer
from tests.identity.integration.test_cards import CARD, add
from tests.identity.integration.test_guests import admitted, follow, mailed, show
from tests.identity.integration.test_users import administrator

pytestmark = pytest.mark.integration


async def close(identity: Identity, granted: dict[str, Any], seen: str | None = None) -> httpx.Response:
    headers = bearer(granted["access_token"])
    if seen is None:
        seen = (await identity.http.get("/v1/users/me", headers=headers)).headers["ETag"]
    return await identity.http.delete("/v1/users/me", headers={**headers, "If-Match": seen})


async def close_for(identity: Identity, granted: dict[str, Any], user_id: str) -> httpx.Response:
    return await identity.http.delete(f"/v1/users/{user_id}", headers=bearer(granted["access_token"]))


async def test_a_closed_account_leaves_nothing_and_is_told_everywhere(identity: Identity) -> None:
    ada = await identity.tokens()
    await add(identity, ada)
    await identity.relay.run()
    assert (await close(identity, ada)).status_code == 204
    told = await identity.relay.run()
    id = ada["user_id"]
    assert told[:3] == [
        UserDeleted(user_id=id),
        ContactDeleted(user_id=id),
        PaymentMethodsDeleted(user_id=id),
    ]
    assert [type(each) for each in told[3:]] == [UserErased, TokensRevoked]
    assert [each.envelope.sequence for each in identity.relay.told[-5:-2]] == [2, 2, 2]
    assert await identity.db.users.count_documents({}) == 0
    for name in await identity.db.list_collection_names():
        kept = str(await identity.db[name].find().to_list())
        assert "ada@example.test" not in kept, name
        assert CARD["token"] not in kept, name


async def test_nothing_of_a_closed_account_holds_any_more(identity: Identity) -> None:
    ada = await identity.tokens()
    await close(identity, ada)
    await identity.relay.run()
    assert (await identity.me(ada["access_token"])).status_code == 401
    assert (await identity.refresh(ada["refresh_token"])).status_code == 401
    assert (await identity.log_in()).status_code == 401
    await republishing.republish(identity.transact)
    told = [event for event in await identity.relay.run() if event.key == ada["user_id"]]
    assert [type(each) for each in told] == [TokensRevoked]
    again = await identity.tokens()
    assert again["user_id"] != ada["user_id"], "the address is free, and leads to somebody new"
    assert (await add(identity, again)).status_code == 201


async def test_an_account_is_closed_only_as_it_was_seen_and_once(identity: Identity) -> None:
    ada = await identity.tokens()
    headers = bearer(ada["access_token"])
    assert (await identity.http.delete("/v1/users/me", headers=headers)).status_code == 428
    assert (await close(identity, ada, '"v1"')).status_code == 412
    seen = (await identity.http.get("/v1/users/me", headers=headers)).headers["ETag"]
    answers = await asyncio.gather(*(close(identity, ada, seen) for _ in range(5)))
    assert Counter(answer.status_code for answer in answers) == {204: 1, 404: 4}
    assert [type(each) for each in await identity.relay.run()].count(UserErased) == 1


async def test_a_card_saved_while_the_account_is_closed_is_forgotten_or_refused(identity: Identity) -> None:
    ada = await identity.tokens()
    seen = (await identity.http.get("/v1/users/me", headers=bearer(ada["access_token"]))).headers["ETag"]
    saved, closed = await asyncio.gather(add(identity, ada), close(identity, ada, seen))
    assert closed.status_code == 204
    assert saved.status_code in (201, 404)
    about_cards = [each for each in await identity.relay.run() if each.topic == PaymentMethodsDeleted.topic]
    assert not about_cards or isinstance(about_cards[-1], PaymentMethodsDeleted)
    assert await identity.db.users.count_documents({}) == 0


async def test_administrators_close_for_others_and_keep_their_own(identity: Identity) -> None:
    ada, root = await identity.tokens(), await administrator(identity)
    eve = await identity.tokens("eve@example.test")
    assert (await close_for(identity, eve, ada["user_id"])).status_code == 403
    assert (await close_for(identity, root, root["user_id"])).status_code == 409
    assert (await close(identity, root)).status_code == 409
    assert (await close_for(identity, root, ada["user_id"])).status_code == 204
    assert (await close_for(identity, root, ada["user_id"])).status_code == 404
    assert await identity.db.users.count_documents({}) == 2


async def test_a_guest_is_forgotten_by_an_administrator_with_code_and_link(identity: Identity) -> None:
    guest, link = await admitted(identity)
    assert (await close(identity, guest)).status_code == 403
    pending = await mailed(identity)
    root = await administrator(identity)
    await identity.relay.run()
    assert (await close_for(identity, root, guest["user_id"])).status_code == 204
    assert (await follow(identity, link)).status_code == 401
    assert (await show(identity, pending.verification_id, pending.code)).status_code == 401
    assert await identity.db.users.count_documents({"_id": guest["user_id"]}) == 0
