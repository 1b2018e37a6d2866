"""Restarting parts of the running stack gracefully while the demo shops."""

import asyncio
import os
import signal
from collections.abc import Iterable

from shop_devstack.demo.errors import DemoError
from shop_devstack.programs import SERVICES, answers_ok
from shop_devstack.stack import StackInfo
from shop_devstack.supervise import Supervisor

_LOOK_SECONDS = 0.2


async def restart(info: StackInfo, parts: Iterable[str] = SERVICES, seconds: float = 120) -> None:
    """Ask parts to end (SIGTERM); the supervisor starts them anew. Return once they are ready.

    Raises DemoError when one is not back within `seconds`.
    """
    supervisor = Supervisor(info.folder)
    before = {name: process.pid for name, process in supervisor.processes().items() if name in set(parts)}
    for pid in before.values():
        os.kill(pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(_are_back, info, supervisor, before):  # noqa: ASYNC110  processes are waited for
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError as error:
        raise DemoError(f"{', '.join(before)} have not come back within {seconds:.0f} s") from error


def _are_back(info: StackInfo, supervisor: Supervisor, before: dict[str, int]) -> bool:
    now = supervisor.processes()
    return all(
        name in now and now[name].state == "RUNNING" and now[name].pid != pid and _ready(info, name)
        for name, pid in before.items()
    )


def _ready(info: StackInfo, name: str) -> bool:
    return name not in info.service_urls or answers_ok(info.ports[name], "/health/ready")
