"""Whoever is cancelled ends, also when the cancellation gets lost on its way."""

import asyncio

import pytest

from shop_events import waiting
from shop_events.waiting import first_of


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
