"""Whoever is cancelled ends, also when the cancellation gets lost on its way."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from shop_events import waiting
from shop_events.waiting import OneAhead, first_of


async def test_a_task_that_lost_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_CANCELLED_AGAIN_AFTER", 0.01)
    lost = 0

    async def never_ends() -> None:
        nonlocal lost
        while lost < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        await first_of(never_ends(), asyncio.sleep(0))
    assert lost == 3


async def test_the_first_error_is_raised_when_all_have_ended() -> None:
    ended = []

    async def goes_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append("goes on")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        await first_of(goes_on(), fails())
    assert ended == ["goes on"]


async def test_of_things_done_one_ahead_only_one_is_under_way_and_the_next_is_made_meanwhile() -> None:
    said: list[str] = []

    async def store(name: str) -> None:
        said.append(f"begin {name}")
        await asyncio.sleep(0.01)
        said.append(f"end {name}")

    async with OneAhead() as storing:
        for name in "ab":
            said.append(f"make {name}")
            await storing(store(name))
    assert said == ["make a", "begin a", "make b", "end a", "begin b", "end b"]


async def one_ahead(*works: Coroutine[Any, Any, None], then: type[Exception] | None = None) -> None:
    async with OneAhead() as storing:
        for work in works:
            await storing(work)
        if then:
            raise then


async def test_what_fails_one_ahead_is_raised_where_the_next_is_asked_for_or_at_the_end() -> None:
    begun: list[int] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def note() -> None:
        begun.append(1)

    for works in ([fail(), note()], [fail()]):
        with pytest.raises(ZeroDivisionError):
            await one_ahead(*works)
    assert begun == []


async def test_nothing_is_under_way_one_ahead_once_its_block_has_failed() -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(ZeroDivisionError):
        await one_ahead(wait(), then=ZeroDivisionError)
    assert ended.is_set()
