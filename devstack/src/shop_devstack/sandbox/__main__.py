"""`python -m shop_devstack.sandbox --port 8090 --data DIR`: serve on loopback until told to stop."""

import argparse
from pathlib import Path

import uvicorn

from shop_devstack.sandbox.app import create_app
from shop_devstack.sandbox.settings import SandboxSettings


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m shop_devstack.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sandbox's file")
    chosen = parser.parse_args()
    uvicorn.run(
        create_app(SandboxSettings(), chosen.data),
        host="127.0.0.1",
        port=chosen.port,
        log_level="warning",
        access_log=False,
        backlog=4096,
        # Requests that are never answered must not hold up the end.
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
