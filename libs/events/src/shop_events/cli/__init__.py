"""``shop-events``: topics, lag, dead letters, replays, parked events and contracts from the command line.

Needs the extra ``shop-events[cli]``; nothing else of the library does.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from shop_events.cli.app import run  # noqa: PLC0415  its libraries may be missing
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.stderr.write("The command line needs more libraries: pip install 'shop-events[cli]'\n")
        return 1
    return run()
