"""What fails waits in order without blocking others, and ends as a dead letter that can be replayed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shop_events.contracts.catalog import OrderPaid, ProductChanged
from shop_events.envelope import Message
from shop_events.errors import NotYet
from shop_events.handlers import Handler, on
from shop_events.testing import DeadLetter
from shop_events.unit_of_work import UnitOfWork
from tests.events.behaviours.worlds import World
from tests.events.conftest import paid, product

MOMENT = timedelta(seconds=2)


async def handled(world: World) -> list[tuple[str, int]]:
    """Return what was handled, as key and sequence, in the order of the commits."""
    return [(row["key"], row["at"]) async for row in world.db["handled"].find().sort([("_id", 1)])]


async def note(uow: UnitOfWork, key: str) -> None:
    await uow.db["handled"].insert_one({"key": key, "at": uow.sequence}, session=uow.session)


def refusing(
    bad: Callable[[ProductChanged], bool], error: Exception, **options: Any
) -> tuple[Handler[ProductChanged], list[None]]:
    """Return a handler that refuses some events until something is put into the list."""
    mended: list[None] = []

    @on(ProductChanged, effect="{product_id}:{title}", **options)
    async def handler(uow: UnitOfWork, event: ProductChanged) -> None:
        await note(uow, event.product_id)
        if bad(event) and not mended:
            raise error

    return handler, mended


def titled(title: str) -> Callable[[ProductChanged], bool]:
    return lambda event: event.title == title


async def parked(world: World, count: int) -> bool:
    return bool(await world.db["parked"].count_documents({}) == count)


async def letters(world: World, count: int) -> list[DeadLetter]:
    found = await world.letters()
    return found if len(found) == count else []


async def test_later_events_of_a_waiting_key_stay_behind_it_in_order_and_other_keys_go_on(
    world: World,
) -> None:
    handler, mended = refusing(titled("1"), NotYet("door"))
    await world.subscribe(handler)
    await world.tell(*(product("prd_1", str(number)) for number in range(1, 6)))
    await world.tell(product("prd_2", "other"))
    await world.until(lambda: parked(world, 5))
    await world.rest()
    assert await handled(world) == [("prd_2", 1)]
    mended.append(None)
    await world.until(lambda: parked(world, 0), timedelta(seconds=30))
    assert [at for key, at in await handled(world) if key == "prd_1"] == [1, 2, 3, 4, 5]
    assert await world.letters() == []


async def test_an_event_that_refers_to_what_has_not_arrived_waits_for_it(world: World) -> None:
    @on(OrderPaid, effect="receipt:{order_id}")
    async def needs_user(uow: UnitOfWork, event: OrderPaid) -> None:
        if await uow.db["users"].find_one({"_id": event.user_id}, session=uow.session) is None:
            raise NotYet("user")
        await note(uow, event.order_id)

    await world.subscribe(needs_user)
    await world.tell(paid("ord_1", "usr_late"))
    await world.until(lambda: parked(world, 1), MOMENT)
    await world.db["users"].insert_one({"_id": "usr_late"})
    await world.until(lambda: parked(world, 0), timedelta(seconds=30))
    assert await handled(world) == [("ord_1", 1)]
    assert await world.letters() == []


@pytest.mark.parametrize(
    ("error", "reason"), [(NotYet("user"), "NotYet: user"), (RuntimeError("secret"), "RuntimeError")]
)
async def test_what_fails_until_its_patience_ends_is_one_dead_letter_that_says_why(
    world: World, error: Exception, reason: str
) -> None:
    handler, _ = refusing(titled("bad"), error, patience=timedelta(seconds=0.5))
    await world.subscribe(handler)
    [_, message] = await world.tell(product("prd_1", "good"), product("prd_1", "bad"))
    [letter] = await world.until(lambda: letters(world, 1), MOMENT)
    assert letter.event_id == message.headers["ce_id"]
    assert letter.reason == reason
    assert letter.tries > 1
    assert (letter.origin.topic, letter.origin.offset) == ("catalog.products.v1", 1)
    assert letter.message.value == message.value
    await world.put(message)
    await world.rest()
    assert await letters(world, 1)
    assert await handled(world) == [("prd_1", 1)]


async def test_before_its_patience_ends_it_is_no_dead_letter(world: World) -> None:
    handler, _ = refusing(titled("bad"), RuntimeError(), patience=timedelta(hours=1))
    await world.subscribe(handler)
    await world.tell(product("prd_1", "bad"))
    await world.until(lambda: parked(world, 1), MOMENT)
    await world.until(lambda: _tried(world, 3), MOMENT)
    assert await world.letters() == []


async def _tried(world: World, times: int) -> bool:
    row = await world.db["parked"].find_one({})
    return bool(row and row["tries"] >= times)


async def test_after_a_dead_letter_its_key_goes_on(world: World) -> None:
    handler, _ = refusing(titled("bad"), RuntimeError(), patience=timedelta(seconds=0.5))
    await world.subscribe(handler)
    await world.tell(product("prd_1", "bad"), product("prd_1", "next"))
    await world.until(lambda: letters(world, 1), MOMENT)
    await world.until(lambda: parked(world, 0))
    assert await handled(world) == [("prd_1", 2)]


async def test_a_held_key_waits_behind_its_dead_letter_until_that_is_replayed(world: World) -> None:
    handler, mended = refusing(titled("bad"), RuntimeError(), patience=timedelta(seconds=0.5), hold_key=True)
    await world.subscribe(handler)
    [_, message, _] = await world.tell(
        product("prd_1", "first"), product("prd_1", "bad"), product("prd_1", "next")
    )
    [letter] = await world.until(lambda: letters(world, 1), MOMENT)
    await world.tell(product("prd_1", "last"), product("prd_2", "other"), sequence=4)
    await world.rest()
    assert await parked(world, 3)
    assert await handled(world) == [("prd_1", 1), ("prd_2", 5)]
    mended.append(None)
    await world.replay(letter)
    await world.until(lambda: parked(world, 0), MOMENT)
    await world.put(message)
    await world.rest()
    assert [at for key, at in await handled(world) if key == "prd_1"] == [1, 2, 3, 4]


async def test_what_is_done_does_not_wait_behind_a_key_that_is_held_since(world: World) -> None:
    handler, _ = refusing(titled("bad"), RuntimeError(), patience=timedelta(seconds=0.5), hold_key=True)
    await world.subscribe(handler)
    [done, _] = await world.tell(product("prd_1", "first"), product("prd_1", "bad"))
    await world.until(lambda: letters(world, 1), MOMENT)
    await world.put(done)
    await world.rest()
    assert await parked(world, 1)


async def test_a_replay_keeps_the_id_and_takes_effect_once(world: World) -> None:
    handler, mended = refusing(titled("bad"), RuntimeError(), patience=timedelta(seconds=0.5))
    await world.subscribe(handler)
    [message] = await world.tell(product("prd_1", "bad"))
    [letter] = await world.until(lambda: letters(world, 1), MOMENT)
    mended.append(None)
    await world.replay(letter)
    await world.replay(letter)
    await world.put(message)
    await world.rest()
    assert await handled(world) == [("prd_1", 1)]
    assert letter.message.headers["ce_id"] == message.headers["ce_id"]


async def test_a_replay_of_what_still_fails_is_a_dead_letter_again(world: World) -> None:
    handler, _ = refusing(titled("bad"), RuntimeError(), patience=timedelta(seconds=0.5))
    await world.subscribe(handler)
    await world.tell(product("prd_1", "bad"))
    [letter] = await world.until(lambda: letters(world, 1), MOMENT)
    await world.replay(letter)
    [_, second] = await world.until(lambda: letters(world, 2), MOMENT)
    assert (second.event_id, second.origin) == (letter.event_id, letter.origin)


BROKEN: dict[str, tuple[Callable[[Message], Message], str]] = {
    "its value is no JSON": (lambda good: replace(good, value=b"\xff{"), "value: json_invalid"),
    "a field does not fit": (
        lambda good: replace(good, value=(good.value or b"").replace(b'"GBP"', b"7")),
        "price.currency: string_type",
    ),
    "its key is another one": (lambda good: replace(good, key="prd_9"), "the record key is not"),
    "a header is missing": (
        lambda good: replace(good, headers={k: v for k, v in good.headers.items() if k != "ce_time"}),
        "unknown or missing: 'ce_time'",
    ),
    "it is no CloudEvent": (lambda good: replace(good, headers={}), "no ce_type header"),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_a_malformed_event_is_a_dead_letter_at_once_and_its_neighbours_go_through(
    world: World, how: str
) -> None:
    handler, _ = refusing(titled("bad"), RuntimeError())
    await world.subscribe(handler)
    spoil, reason = BROKEN[how]
    [good] = await world.tell(product("prd_1", "first"))
    spoilt = spoil(replace(good, headers={**good.headers, "ce_id": "spoilt"}))
    await world.put(spoilt)
    await world.tell(product("prd_1", "last"), sequence=2)
    [letter] = await world.until(lambda: letters(world, 1))
    await world.rest()
    assert letter.reason.startswith(reason)
    assert letter.tries == 1
    assert (letter.message.key, letter.message.value) == (spoilt.key, spoilt.value)
    assert await handled(world) == [("prd_1", 1), ("prd_1", 2)]
    await world.redeliver()
    assert await letters(world, 1)
