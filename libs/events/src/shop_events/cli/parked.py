"""``shop-events parked list|show|retry``: what waits in the database of one service."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from shop_events.cli import options, screen
from shop_events.operations import parked

app = typer.Typer(no_args_is_help=True, help="Events that failed and are tried again (of one service).")

Id = Annotated[str, typer.Argument(help="Event id, as listed.")]
_MOST = 10_000


@app.command("list")
def show_all(
    event_type: options.EventType = None,
    most: Annotated[int, typer.Option("--most", min=1, max=_MOST, help="The oldest so many.")] = 100,
    as_json: options.AsJson = False,
) -> None:
    """List the keys that wait: the failed event, why, and how many are behind it."""
    rows = [
        (
            head.event_type,
            head.topic,
            head.key,
            head.event_id,
            head.reason,
            head.tries,
            head.failed_at,
            head.due_at or "given up, holds its key",
            head.behind,
        )
        for head in asyncio.run(_heads(event_type, most))
    ]
    columns = ("type", "topic", "key", "event id", "reason", "tries", "failed at", "due at", "behind")
    screen.table("Parked events", columns, rows, as_json=as_json)


@app.command("show")
def show_one(event_id: Id, reveal: options.Reveal = False) -> None:
    """Show everything about a parked event as JSON."""
    found = asyncio.run(_one(event_id, reveal))
    if found is None:
        raise LookupError(f"{event_id} is not parked")
    screen.line(found)


@app.command("retry")
def retry(
    event_id: Annotated[str | None, typer.Argument(help="Event id; all of --type or --all without.")] = None,
    event_type: options.EventType = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    dry_run: options.DryRun = False,
) -> None:
    """Have failed events tried now, as patiently as fresh ones."""
    if event_id is None and event_type is None and not everything:
        raise typer.BadParameter("name an event, a --type, or --all")
    wanted, due = asyncio.run(_retry(event_id, event_type, dry_run))
    screen.say(f"{due:,} of {wanted:,} parked events {'would be' if dry_run else 'are'} tried now.")
    if event_id is not None and not due:
        raise LookupError(f"{event_id} is not the first parked event of its key")


async def _heads(event_type: str | None, most: int) -> list[parked.Head]:
    async with options.database() as db:
        return [head async for head in parked.heads(db, event_type, most)]


async def _one(event_id: str, reveal: bool) -> dict[str, Any] | None:
    async with options.database() as db:
        return await parked.one(db, event_id, reveal=reveal)


async def _retry(event_id: str | None, event_type: str | None, dry_run: bool) -> tuple[int, int]:
    async with options.database() as db:
        found = [head.event_id async for head in parked.heads(db, event_type, _MOST)]
        wanted = found if event_id is None else [event_id]
        if dry_run:
            return len(wanted), len(set(wanted) & set(found))
        return len(wanted), sum([await parked.retry(db, each) for each in wanted])
