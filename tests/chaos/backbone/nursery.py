"""Starts workers quickly: a process that has everything imported and forks one whenever it is asked to.

It reads one JSON object a line (``role``, ``place``, ``log``) and answers ``{"started": pid}``; it says
``{"ended": pid, "status": …}`` whenever a worker is gone, for whatever reason.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from shop_devstack.children import bound_to_parent
from tests.chaos.backbone import workers

_PR_SET_PDEATHSIG = 1


class Nursery:
    """The side that asks: starts workers and knows when they end."""

    def __init__(self, folder: Path, place: workers.Place) -> None:
        self._folder = folder
        self._place = place.model_dump()
        self._process: asyncio.subprocess.Process
        self._reader: asyncio.Task[None]
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._asking = asyncio.Lock()
        self.ended: dict[int, asyncio.Future[int]] = {}

    async def __aenter__(self) -> Nursery:
        self._process = await asyncio.create_subprocess_exec(
            *bound_to_parent([sys.executable, "-m", __name__]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()  # its workers die with it
        await self._process.wait()
        await self._reader

    async def start(self, name: str, role: str) -> int:
        """Start a worker whose log is ``<name>.log``; return its process id."""
        log = str(self._folder / f"{name}.log")
        order = json.dumps({"role": role, "place": self._place, "log": log})
        async with self._asking:
            assert self._process.stdin
            self._process.stdin.write(order.encode() + b"\n")
            return await asyncio.wait_for(self._started.get(), 60)

    async def _follow(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            told = json.loads(line)
            if "started" in told:
                self.ended[told["started"]] = asyncio.get_running_loop().create_future()
                self._started.put_nowait(told["started"])
            else:
                self.ended[told["ended"]].set_result(told["status"])


def main() -> None:
    """Fork when asked, reap what has ended, until nobody asks any more."""
    buffer = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.05)
        if readable:
            read = os.read(0, 65536)
            if not read:
                return
            *orders, buffer = (buffer + read).split(b"\n")
            for order in orders:
                _tell({"started": _fork(**json.loads(order))})
        with suppress(ChildProcessError):
            while (gone := os.waitpid(-1, os.WNOHANG))[0]:
                _tell({"ended": gone[0], "status": os.waitstatus_to_exitcode(gone[1])})


def _tell(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _fork(role: str, place: dict[str, Any], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        workers.run(role, place)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
