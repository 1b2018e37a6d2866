"""Restarting parts of the running stack gracefully while the demo shops."""

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping

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
    missing = list(before)
    try:
        async with asyncio.timeout(seconds):
            while missing:
                await asyncio.sleep(_LOOK_SECONDS)
                missing = await asyncio.to_thread(_missing, info, supervisor, before)
    except TimeoutError as error:
        raise DemoError(f"Not ready {seconds:.0f} s after a restart: {', '.join(missing)}") from error


def _missing(info: StackInfo, supervisor: Supervisor, before: Mapping[str, int]) -> list[str]:
    now = supervisor.processes()
    return [
        name
        for name, pid in before.items()
        if name not in now or now[name].state != "RUNNING" or now[name].pid == pid or not _ready(info, name)
    ]


def _ready(info: StackInfo, name: str) -> bool:
    return name not in info.service_urls or answers_ok(info.ports[name], "/health/ready")
