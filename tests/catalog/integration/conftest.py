"""The provider sandbox, listening on loopback in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from shop_devstack.sandbox.app import create_app
from shop_devstack.sandbox.settings import SandboxSettings


class Server(uvicorn.Server):
    """uvicorn that leaves the signals to pytest."""

    @asynccontextmanager
    async def running(self, listening: socket.socket) -> AsyncIterator[None]:
        serving = asyncio.create_task(self._serve([listening]))
        try:
            async with asyncio.timeout(10):
                while not self.started:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            yield
        finally:
            self.should_exit = True
            await serving


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(create_app(SandboxSettings(), tmp_path), log_config=None, lifespan="on")
    async with Server(config).running(listening), httpx.AsyncClient(base_url=url) as client:
        yield client
