from __future__ import annotations

import asyncio

from shop_chassis.supervision import Part, supervise
from shop_events.waiting import Backoff


class Mortal:
    """Dies as often as told, then lives."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths
        self.lives = 0
        self.alive = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        self.lives += 1
        if self.lives <= self.deaths:
            if self.lives % 2:
                raise RuntimeError("died")
            return
        self.alive.set()
        await stop.wait()


async def test_a_part_that_dies_or_just_ends_is_started_again() -> None:
    mortal, stop = Mortal(deaths=3), asyncio.Event()
    part = Part("mortal", mortal.run)
    task = asyncio.create_task(supervise(part, stop, Backoff(0.001, 0.002)))
    await asyncio.wait_for(mortal.alive.wait(), 5)
    assert (mortal.lives, part.is_ready()) == (4, True)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert part.running is False


async def test_a_dead_part_is_not_ready_unless_what_it_gathered_outlives_it() -> None:
    stop = asyncio.Event()
    relay = Part("relay", Mortal(deaths=1).run)
    view = Part("view", Mortal(deaths=1).run, outlived=True)
    tasks = [asyncio.create_task(supervise(part, stop, Backoff(60, 60))) for part in (relay, view)]
    async with asyncio.timeout(5):
        while not (relay.is_ready() or relay.running):
            await asyncio.sleep(0)
            if not view.running:
                break
    assert (relay.is_ready(), view.is_ready()) == (False, True)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_a_part_is_as_ready_as_it_says() -> None:
    part = Part("view", Mortal(0).run, lambda: False, outlived=True)
    assert part.is_ready() is False
