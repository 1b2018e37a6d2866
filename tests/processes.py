"""Services as processes of their own, as an operator starts them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx


@dataclass
class ServiceProcess:
    """A running service: its process, a client of its port, and what it logged so far."""

    process: asyncio.subprocess.Process
    http: httpx.AsyncClient
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def until_ready(self, seconds: float = 40) -> None:
        """Wait until it may be given work."""
        async with asyncio.timeout(seconds):
            while (await self.http.get("/health/ready")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def stop(self, seconds: float = 25) -> int:
        """Ask it to end and return its exit code."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), seconds)


@asynccontextmanager
async def service(
    package: str, environment: Mapping[str, str], mode: str = "all", folder: Path | None = None
) -> AsyncIterator[ServiceProcess]:
    """Run ``python -m <package> <mode>`` on a free port; whatever happens, it is gone at the end.

    Args:
        folder: its working directory; that of the tests if there is none.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        package,
        mode,
        env={**os.environ, "HTTP_PORT": "0", **environment},
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
    )
    running = ServiceProcess(process, httpx.AsyncClient())
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    following = asyncio.create_task(_follow(running, port))
    try:
        await asyncio.wait_for(port, 30)
        running.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port.result()}", timeout=10)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await following
        await running.http.aclose()


async def _follow(running: ServiceProcess, port: asyncio.Future[int]) -> None:
    assert running.process.stdout
    async for line in running.process.stdout:
        running.lines.append(json.loads(line))
        if running.lines[-1]["event"] == "started":
            port.set_result(running.lines[-1]["port"])
    if not port.done():
        port.set_exception(RuntimeError(f"it ended: {running.lines[-3:]}"))
