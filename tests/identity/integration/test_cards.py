"""Saving cards, over HTTP and on MongoDB: one's own alone, told with the change, never a number."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from shop_events.contracts.base import Event
from shop_events.contracts.identity import PaymentMethodsChanged, PaymentMethodsDeleted
from shop_identity.application import republishing
from shop_identity.domain.cards import MOST_CARDS
from shop_identity.store.schema import migrate
from tests.identity.conftest import Identity, bearer
from tests.identity.integration.test_guests import admitted

pytestmark = pytest.mark.integration

PATH = "/v1/users/me/payment-methods"
CARD = {"token": "pm_visaabcdefghijklmnop", "brand": "visa", "last_four": "4242", "expires": "2040-12"}


async def add(
    identity: Identity, granted: dict[str, Any], key: str = "once", **change: Any
) -> httpx.Response:
    headers = {**bearer(granted["access_token"]), "Idempotency-Key": key}
    return await identity.http.post(PATH, json=CARD | change, headers=headers)


async def listed(identity: Identity, granted: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await identity.http.get(PATH, headers=bearer(granted["access_token"]))
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def remove(identity: Identity, granted: dict[str, Any], card_id: str) -> httpx.Response:
    return await identity.http.delete(f"{PATH}/{card_id}", headers=bearer(granted["access_token"]))


async def told(identity: Identity) -> list[Event]:
    return [
        event
        for event in await identity.relay.run()
        if isinstance(event, PaymentMethodsChanged | PaymentMethodsDeleted)
    ]


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_saved_card_is_shown_without_its_token_and_told_with_it(identity: Identity) -> None:
    ada = await identity.tokens()
    answer = await add(identity, ada)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown.keys() == {"id", "brand", "last_four", "expires", "added_at"}
    assert shown["id"].startswith("card_")
    assert await listed(identity, ada) == [shown]
    [event] = await told(identity)
    assert isinstance(event, PaymentMethodsChanged)
    assert [method.model_dump() for method in event.methods] == [CARD | {"id": shown["id"]}]
    assert event.user_id == ada["user_id"]


async def test_the_same_request_saves_one_card_also_at_the_same_time(identity: Identity) -> None:
    ada = await identity.tokens()
    answers = await asyncio.gather(*(add(identity, ada) for _ in range(6)))
    assert [answer.status_code for answer in answers] == 6 * [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await told(identity)) == 1
    assert kind(await add(identity, ada, last_four="1111")) == (422, "idempotency-key-reused")
    headers = bearer(ada["access_token"])
    assert (await identity.http.post(PATH, json=CARD, headers=headers)).status_code == 400


async def test_different_cards_saved_at_the_same_time_are_all_kept_up_to_the_limit(
    identity: Identity,
) -> None:
    ada = await identity.tokens()
    tokens = [f"pm_{number:02}abcdefghijklmnop" for number in range(MOST_CARDS + 2)]
    answers = await asyncio.gather(*(add(identity, ada, key=each, token=each) for each in tokens))
    assert Counter(answer.status_code for answer in answers) == {201: MOST_CARDS, 409: 2}
    assert len(await listed(identity, ada)) == MOST_CARDS
    assert len(await told(identity)) == MOST_CARDS


async def test_of_two_who_save_the_same_card_at_once_one_has_it(identity: Identity) -> None:
    people = [await identity.tokens("ada@example.test"), await identity.tokens("eve@example.test")]
    answers = await asyncio.gather(*(add(identity, each) for each in people))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 1}
    assert len([card for each in people for card in await listed(identity, each)]) == 1


async def test_nobody_elses_card_is_seen_or_removed(identity: Identity) -> None:
    ada, eve = await identity.tokens("ada@example.test"), await identity.tokens("eve@example.test")
    card = (await add(identity, ada)).json()
    assert await listed(identity, eve) == []
    assert kind(await remove(identity, eve, card["id"])) == (404, "not-found")
    assert await listed(identity, ada) == [card]
    assert (await identity.http.get(PATH)).status_code == 401


async def test_a_removed_card_is_gone_told_and_free_and_no_late_request_brings_it_back(
    identity: Identity,
) -> None:
    ada, eve = await identity.tokens("ada@example.test"), await identity.tokens("eve@example.test")
    card = (await add(identity, ada)).json()
    await identity.relay.run()
    assert (await remove(identity, ada, card["id"])).status_code == 204
    assert await told(identity) == [PaymentMethodsDeleted(user_id=ada["user_id"])]
    assert identity.relay.told[-1].envelope.sequence == 2
    assert (await remove(identity, ada, card["id"])).status_code == 404
    assert kind(await add(identity, ada)) == (409, "card-removed")
    assert CARD["token"] not in str(await identity.db.users.find().to_list())
    assert (await add(identity, eve)).status_code == 201


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"token": "4242424242424242"}, "#/token"),
        ({"token": "pm_4242424242424242"}, "#/token"),
        ({"token": "pm_card_visa"}, "#/token"),
        ({"number": "4242424242424242"}, "#/number"),
        ({"cvc": "123"}, "#/cvc"),
        ({"last_four": "4242424242424242"}, "#/last_four"),
        ({"brand": "4242424242424242"}, "#/brand"),
        ({"expires": "2040-13"}, "#/expires"),
        ({"expires": "2020-01"}, "#/expires"),
    ],
)
async def test_a_cards_number_is_refused_wherever_it_stands_and_never_repeated(
    identity: Identity, change: dict[str, str], pointer: str
) -> None:
    ada = await identity.tokens()
    answer = await add(identity, ada, **change)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not set(change.values()) & {"4242424242424242"} or "4242424242424242" not in answer.text
    assert await listed(identity, ada) == []
    assert await told(identity) == []


async def test_a_guest_saves_no_card(identity: Identity) -> None:
    granted, _ = await admitted(identity)
    assert kind(await add(identity, granted)) == (403, "forbidden")
    assert await listed(identity, granted) == []


async def test_changing_oneself_keeps_ones_cards(identity: Identity) -> None:
    ada = await identity.tokens()
    card = (await add(identity, ada)).json()
    headers = bearer(ada["access_token"])
    seen = (await identity.http.get("/v1/users/me", headers=headers)).headers["ETag"]
    change = {"name": "Ada L."}
    answer = await identity.http.patch("/v1/users/me", json=change, headers={**headers, "If-Match": seen})
    assert answer.status_code == 200
    assert await listed(identity, ada) == [card]


async def test_cards_are_published_again_as_they_are_and_where_there_are_none_any_more(
    identity: Identity,
) -> None:
    ada, eve = await identity.tokens("ada@example.test"), await identity.tokens("eve@example.test")
    await identity.tokens("joe@example.test")
    kept = (await add(identity, ada)).json()
    gone = (await add(identity, eve, token="pm_evesabcdefghijklmnop")).json()
    await remove(identity, eve, gone["id"])
    await identity.relay.run()
    await republishing.republish(identity.transact)
    again = await told(identity)
    assert {event.key for event in again} == {ada["user_id"], eve["user_id"]}
    sequences = {
        each.event.key: each.envelope.sequence for each in identity.relay.told if each.event in again
    }
    assert sequences == {ada["user_id"]: 1, eve["user_id"]: 2}
    [whole] = [event for event in again if isinstance(event, PaymentMethodsChanged)]
    assert [method.id for method in whole.methods] == [kept["id"]]


async def test_users_who_were_there_before_cards_were_are_migrated(identity: Identity) -> None:
    ada = await identity.tokens()
    await identity.db.users.drop_indexes()
    await migrate(identity.db)
    assert await listed(identity, ada) == []
    assert (await add(identity, ada)).status_code == 201
