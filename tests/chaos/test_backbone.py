"""The backbone in a storm: processes and servers are killed, paused and restarted, then all is counted."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from tests.chaos.backbone import books
from tests.chaos.backbone.storm import Blow, blows
from tests.chaos.backbone.trial import Trial, trial

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(0)]

_COUNT_EVERY = 60
_TELL_EVERY = 15
_AT_REST_WITHIN = 120.0

Say = Callable[[str], None]


async def test_a_storm_loses_nothing_doubles_nothing_and_leaves_nothing_in_limbo(
    tmp_path: Path, chaos_kills: int, chaos_seed: int, say: Say
) -> None:
    say(f"{chaos_kills} kills; --chaos-seed={chaos_seed} deals the same blows again; logs in {tmp_path}")
    async with trial(tmp_path) as running:
        stormy = Storm(running, blows(chaos_seed), say)
        while running.kills < chaos_kills:
            await running.start_workers()
            await stormy.rage(until=min(running.kills + _COUNT_EVERY, chaos_kills))
            await running.end_blows()
            await running.stop_producers()
            await stormy.count()
            replayed = await books.replay_letters(running)
        while replayed:
            found = await stormy.count()
            replayed = await books.replay_letters(running)
        say(", ".join(f"{what}: {number}" for what, number in sorted(running.dealt.items())))
        assert found.held == 0
        assert await running.reader["parked"].count_documents({}) == 0


@dataclass
class Storm:
    """Deals blows to a trial and tells how it goes."""

    trial: Trial
    blows: Iterator[Blow]
    say: Say
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started = time.monotonic()

    async def rage(self, until: int) -> None:
        """Deal blows until there were so many kills."""
        told = self.trial.kills
        while self.trial.kills < until:
            blow = next(self.blows)
            await asyncio.sleep(blow.after)
            self.trial.check()
            await self.trial.deal(blow)
            if self.trial.kills >= told + _TELL_EVERY:
                told = self.trial.kills
                self._tell(f"{await self._moves()} moves so far; {blow}")

    async def _moves(self) -> str:
        try:
            return str(sum([row["number"] async for row in self.trial.owner["stock"].find()]))
        except PyMongoError:  # it is MongoDB that is away
            return "?"

    async def count(self) -> books.Books:
        """Let everything come to rest, and compare."""
        await books.rest(self.trial, _AT_REST_WITHIN, self.trial.check)
        found = await books.count(self.trial)
        self._tell(str(found))
        assert found.differences == []
        return found

    def _tell(self, line: str) -> None:
        self.say(f"{time.monotonic() - self.started:5.0f} s  {self.trial.kills:4} kills  {line}")
