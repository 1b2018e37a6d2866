"""``shop-events dead-letters list|show|replay|drop`` and ``shop-events replay``."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import typer

from shop_events.cli import options, screen
from shop_events.operations.letters import Letter, Outcome, Which, letters, settle
from shop_events.operations.records import Extent, Filter, Record, UnknownTopic
from shop_events.operations.replays import Part, assert_reader, replay_to, selected
from shop_events.operations.sending import Pace
from shop_events.topics import SERVICES

app = typer.Typer(no_args_is_help=True, help="What consumer groups gave up on.")

Reason = Annotated[str | None, typer.Option("--reason", help="Part of the reason.")]
EventId = Annotated[str | None, typer.Option("--id", help="Event id.")]
_COLUMNS = ("given up", "type", "key", "event id", "reason", "tries", "settled")


@app.command("list")
def show_all(
    group: options.MaybeGroup = None,
    event_type: options.EventType = None,
    reason: Reason = None,
    since: options.Since = None,
    settled: Annotated[bool, typer.Option("--settled", help="Also what was replayed or dropped.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, max=100_000, help="The newest so many.")] = 100,
    as_json: options.AsJson = False,
) -> None:
    """List what a group gave up on and nobody has decided about; without --group, how much each did."""
    which = Which(None, event_type, reason, since, settled)
    if group is None:
        rows = asyncio.run(_by_group(which))
        screen.table("Dead letters", ("group", "dead letters", "newest"), rows, as_json=as_json)
        return
    found, total = asyncio.run(_newest(group, which, most))
    screen.table(f"Dead letters of {group}", _COLUMNS, map(_row, found), as_json=as_json)
    if total > len(found):
        screen.say(f"{total - len(found):,} older ones are not shown (--most)")


@app.command("show")
def show_one(
    event_id: Annotated[str, typer.Argument(help="Event id, as listed.")],
    group: options.Group,
    reveal: options.Reveal = False,
) -> None:
    """Show everything about a dead letter as JSON, replayed and dropped ones too."""
    found, _ = asyncio.run(_newest(group, Which(event_id, settled=True), 100))
    if not found:
        raise LookupError(f"{group} has no dead letter {event_id}")
    for letter in found:
        screen.line(letter.as_json(reveal=reveal))


@app.command("replay")
def replay_letters(
    group: options.Group,
    event_id: EventId = None,
    event_type: options.EventType = None,
    reason: Reason = None,
    since: options.Since = None,
    rate: options.Rate = 100,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
) -> None:
    """Have the group take dead letters again, each under its own event id."""
    which = Which(event_id, event_type, reason, since)
    _decide(group, which, Outcome.REPLAYED, rate, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command("drop")
def drop_letters(
    group: options.Group,
    event_id: EventId = None,
    event_type: options.EventType = None,
    reason: Reason = None,
    since: options.Since = None,
    rate: options.Rate = 1000,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
) -> None:
    """Note that nothing is to be done about dead letters: they are listed no more."""
    which = Which(event_id, event_type, reason, since)
    _decide(group, which, Outcome.DROPPED, rate, dry_run=dry_run, yes=yes, as_json=as_json)


def replay(
    topic: options.Topic,
    group: options.Group,
    since: options.Since = None,
    until: options.Until = None,
    partition: Annotated[int | None, typer.Option(min=0, help="This partition alone.")] = None,
    from_offset: Annotated[int | None, typer.Option(min=0, help="From this offset on.")] = None,
    until_offset: Annotated[int | None, typer.Option(min=0, help="Before this offset.")] = None,
    key: options.Key = None,
    event_type: options.EventType = None,
    rate: options.Rate = 1000,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Have one group take a part of a topic again; other groups see nothing of it.

    Effects that have happened do not happen again; those of handlers that are new happen now.
    """
    assert_reader(group, topic)
    extent = Extent(since, until, partition, from_offset, until_offset)
    part = Part(topic, extent, Filter(key, event_type))
    meant = asyncio.run(_count(selected(options.kafka(), part), "records meant"))
    screen.say(f"{meant:,} records of {topic} are meant for {group}.")
    if dry_run or not meant:
        return
    if not yes:
        typer.confirm("Replay them?", abort=True, err=True)
    done = asyncio.run(_count(replay_to(options.kafka(), group, part, Pace(rate)), "replayed"))
    screen.say(f"{done:,} records replayed.")


def _decide(
    group: str, which: Which, outcome: Outcome, rate: float, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    kafka = options.kafka()
    meant, total = asyncio.run(_newest(group, which, 20))
    if dry_run or not yes:
        screen.table(
            f"{total:,} dead letters of {group} are meant", _COLUMNS, map(_row, meant), as_json=as_json
        )
    if dry_run or not total:
        return
    if not yes:
        typer.confirm(f"{outcome.capitalize()}: {total:,}?", abort=True, err=True)
    done = asyncio.run(_count(settle(kafka, group, which, outcome, Pace(rate)), outcome))
    screen.say(f"{done:,} dead letters {outcome}.")


async def _by_group(which: Which) -> list[tuple[str, int, datetime | None]]:
    """Return for each group how many letters are meant, and when the newest was given up.

    All groups at once: a topic that is not there is looked for as long as a client is patient.
    """
    return await asyncio.gather(*(_of_group(group, which) for group in SERVICES))


async def _of_group(group: str, which: Which) -> tuple[str, int, datetime | None]:
    try:
        newest, total = await _last(letters(options.kafka(), group, which), 1)
    except UnknownTopic:
        newest, total = [], 0  # a group that never started has no such topic
    return group, total, newest[0].record.at if newest else None


async def _newest(group: str, which: Which, most: int) -> tuple[list[Letter], int]:
    return await _last(screen.counted(letters(options.kafka(), group, which), "dead letters"), most)


async def _last(items: AsyncIterator[Letter], most: int) -> tuple[list[Letter], int]:
    """Return the last letters and how many there are."""
    found: deque[Letter] = deque(maxlen=most)
    total = 0
    async for letter in items:
        found.append(letter)
        total += 1
    return list(found), total


async def _count(items: AsyncIterator[Letter] | AsyncIterator[Record], what: str) -> int:
    counted: AsyncIterator[Any] = screen.counted(items, what)
    return sum([1 async for _ in counted])


def _row(letter: Letter) -> tuple[object, ...]:
    record, settled = letter.record, letter.settled and str(letter.settled)
    at: datetime = record.at
    return (
        at,
        record.event_type or "unreadable",
        record.key,
        record.event_id,
        letter.reason,
        letter.headers.get("dl_tries", ""),
        settled,
    )
