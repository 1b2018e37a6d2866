"""``shop-events rebuild`` and ``republish``: commands of the service itself, run in its environment."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from shop_events.cli import options
from shop_events.services import entry_point

Service = Annotated[
    str,
    typer.Argument(parser=options.group_name, metavar="SERVICE", help="Service; its variables must be set."),
]


def republish(service: Service) -> None:
    """Have a service publish again all state it owns, from its database."""
    _run(service, "republish")


def rebuild(
    service: Service, read_model: Annotated[str, typer.Argument(help="Name of the projection.")]
) -> None:
    """Have a service forget a read model and make it again from the topics; no effect happens again."""
    _run(service, "rebuild", read_model)


def _run(service: str, *words: str) -> None:
    package = entry_point(service).module.partition(".")[0]
    done = subprocess.run([sys.executable, "-m", package, *words], check=False)  # noqa: S603
    if done.returncode:
        raise typer.Exit(done.returncode)
