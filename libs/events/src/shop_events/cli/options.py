"""What several commands take, and how they reach Kafka and MongoDB: by the services' own variables."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.kafka import KafkaSettings
from shop_events.topics import SERVICES, TOPICS

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"^(\d+)([smhd])$")


def moment(text: str) -> datetime:
    """Return a time: ``10m``, ``2h`` or ``3d`` ago, or an RFC 3339 time."""
    if found := _AGO.match(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give a time as 10m, 2h, 3d (ago) or as RFC 3339") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def group_name(text: str) -> str:
    """Return a consumer group that has dead letters and a replay topic."""
    if text not in SERVICES:
        raise typer.BadParameter(f"there is no group {text}: {', '.join(SERVICES)}")
    return text


def topic_name(text: str) -> str:
    """Return a topic of the registry."""
    if text not in TOPICS:
        raise typer.BadParameter(f"there is no topic {text}; `shop-events topics` lists them")
    return text


Topic = Annotated[str, typer.Argument(parser=topic_name, metavar="TOPIC", help="Topic, without prefix.")]
Group = Annotated[str, typer.Option("--group", parser=group_name, metavar="GROUP", help="Consumer group.")]
MaybeGroup = Annotated[
    str | None,
    typer.Option("--group", parser=group_name, metavar="GROUP", help="Consumer group; all without."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show personal data; what is secret stays masked.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=moment, metavar="TIME", help="From then on: 10m, 2h, 3d, or RFC 3339."),
]
Until = Annotated[
    datetime | None, typer.Option("--until", parser=moment, metavar="TIME", help="Before then.")
]
EventType = Annotated[str | None, typer.Option("--type", help="Event type.")]
Key = Annotated[str | None, typer.Option("--key", help="Record key.")]
Rate = Annotated[float, typer.Option("--rate", min=0.1, max=10_000, help="Most records a second.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what is meant, change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Docs = Annotated[Path, typer.Option("--docs", help="Folder with the released contracts in released/.")]

DOCS = Path("docs/events")


def kafka() -> KafkaSettings:
    """Return the connection that the environment describes. Raises ValidationError."""
    return KafkaSettings.from_environment(os.environ, client_id="shop-events")


@asynccontextmanager
async def database() -> AsyncIterator[AsyncDatabase[Any]]:
    """Open the database of one service: ``MONGODB_URL`` and ``MONGODB_DATABASE``, as the service has them.

    Raises typer.BadParameter when they are not set."""
    url, name = os.environ.get("MONGODB_URL"), os.environ.get("MONGODB_DATABASE")
    if not url or not name:
        raise typer.BadParameter(
            "parked events are in the database of one service, and this login has none: set MONGODB_URL and "
            "MONGODB_DATABASE as that service has them (on a laptop: make events AS=notifier ARGS=…)"
        )
    client: AsyncMongoClient[Any] = AsyncMongoClient(url, tz_aware=True, serverSelectionTimeoutMS=10_000)
    try:
        yield client[name]
    finally:
        await client.close()
