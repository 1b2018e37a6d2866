"""``python -m bench.baselines NAME``: serve a bare ASGI application on ``HTTP_PORT``, leanly."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module

import uvicorn
import uvloop

from shop_devstack.ports import LOOPBACK


def main(name: str) -> None:
    """Serve the application of ``bench.baselines.<name>``, made by its ``application()``."""

    async def serve() -> None:
        application = await import_module(f"bench.baselines.{name}").application()
        config = uvicorn.Config(
            application,
            host=LOOPBACK,
            port=int(os.environ["HTTP_PORT"]),
            http="httptools",
            loop="none",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        await uvicorn.Server(config).serve()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main(sys.argv[1])
