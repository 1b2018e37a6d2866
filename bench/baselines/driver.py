"""The driver alone, without HTTP: ``python -m bench.baselines.driver``, with what to do on standard input."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from itertools import count
from typing import Literal

import uvloop
from pymongo import AsyncMongoClient

from bench.baselines import cart
from bench.figures import Figure, percentile
from bench.ground import Document, Ground

_WARM_UP_SECONDS = 0.5


def drive(here: Ground, work: Literal["read", "write"], strings: Sequence[str], seconds: float) -> Figure:
    """Measure in a process of its own: one task a session string, each with one operation after the other."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.baselines.driver"],
        input=json.dumps({"work": work, "strings": strings, "seconds": seconds}),
        env=here.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return Figure(**json.loads(done.stdout))


async def _run(work: str, strings: Sequence[str], seconds: float) -> Figure:
    async with AsyncMongoClient[Document](os.environ["MONGODB_URL"], w="majority", tz_aware=True) as client:
        db = client[cart.DATABASE]

        async def read(string: str, _: int) -> None:
            cart.view(await cart.read(db, string))

        async def write(string: str, number: int) -> None:
            cart.view(await cart.write(client, db, string, number % 9 + 1))

        once = read if work == "read" else write
        begin = time.perf_counter() + _WARM_UP_SECONDS
        taken = await asyncio.gather(*(_repeat(once, string, begin, seconds) for string in strings))
    counted = sorted(each for times in taken for each in times)
    return Figure(len(counted) / seconds, percentile(counted, 0.5) * 1000, percentile(counted, 0.99) * 1000)


async def _repeat(
    once: Callable[[str, int], Awaitable[None]], string: str, begin: float, seconds: float
) -> list[float]:
    """Return how long each operation took that ended between ``begin`` and ``seconds`` later."""
    taken = []
    for number in count():
        started = time.perf_counter()
        if started >= begin + seconds:
            break
        await once(string, number)
        ended = time.perf_counter()
        if begin <= ended < begin + seconds:
            taken.append(ended - started)
    return taken


def main() -> None:
    """Do what standard input says; print the figure as JSON."""
    what = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figure = runner.run(_run(what["work"], what["strings"], what["seconds"]))
    sys.stdout.write(json.dumps(asdict(figure)))


if __name__ == "__main__":
    main()
