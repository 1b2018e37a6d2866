"""What is shown: tables for eyes, JSON lines for other tools, progress on standard error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

_UNBOUNDED = 10_000
_MOST_FOLDED = 4
"""Columns that a narrow screen can still show side by side, their cells folded."""
_ASIDE = Console(stderr=True, highlight=False)


def line(document: Mapping[str, Any]) -> None:
    """Print a JSON object on a line of its own."""
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))


def say(text: str) -> None:
    """Tell something that is not the result: to standard error, so that pipes see results alone."""
    _ASIDE.print(Text(text))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool) -> None:
    """Print rows: as a table, or each as a JSON object named by the columns."""
    if as_json:
        for row in rows:
            line(dict(zip((name.replace(" ", "_") for name in columns), row, strict=True)))
        return
    shown = [[_plain(cell) for cell in row] for row in rows]
    console = Console(highlight=False)
    if not shown:
        console.print(Text(f"{title}: none"))
        return
    for gap in (2, 1):
        drawn = _grid(title, columns, shown, gap)
        width = console.measure(drawn, options=console.options.update(max_width=_UNBOUNDED)).maximum
        if not console.is_terminal:
            console.width = max(console.width, width)  # a line per row, for grep and less -S
        if width <= console.width or len(columns) <= _MOST_FOLDED:
            console.print(drawn)
            return
    console.print(_blocks(title, columns, shown))


def _grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], gap: int) -> Table:
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, padding=(0, gap, 0, 0))
    for place, name in enumerate(columns):
        drawn.add_column(name, overflow="fold", no_wrap=place == 0)
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _blocks(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Group:
    """Return rows that are wider than the screen: what is first on a line, everything else indented below."""
    parts: list[RenderableType] = [Text(title, "italic")]
    for first, *others in rows:
        told = [f"{name} {cell}" for name, cell in zip(columns[1:], others, strict=True) if cell]
        parts += [Text(first, "bold"), Padding(Text(" · ".join(told)), (0, 0, 0, 4))]
    return Group(*parts)


def pairs(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print names with their values."""
    drawn = Table(title=title, title_justify="left", show_header=False, show_edge=False, box=None)
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console(highlight=False).print(drawn)


async def counted(items: AsyncIterator[T], what: str) -> AsyncIterator[T]:
    """Yield ``items`` with a counter on the screen, where there is one."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}"))
    with Progress(*columns, TimeElapsedColumn(), console=_ASIDE, transient=True) as progress:
        task = progress.add_task(what, total=None)
        async for item in items:
            progress.advance(task)
            yield item


def _plain(cell: Any) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
