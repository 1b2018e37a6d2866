"""What the commands of the stack show on the terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from shop_devstack.supervise import Process

Rows = list[tuple[str, str]]


class Screen:
    """Progress, results and troubles, one line each."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that something is under way, and how long it took once it is done."""
        began = time.monotonic()
        with self.console.status(f"{title} …"):
            yield
        self.console.print(f"[green]✓[/] {title} [dim]{time.monotonic() - began:.1f} s[/]")

    @contextmanager
    def counted(self, title: str, total: int) -> Iterator[Progress]:
        """Show a bar; the caller calls `advance(progress.task_ids[0])`."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            progress.add_task(title, total=total)
            yield progress

    def say(self, text: str) -> None:
        """Show one line."""
        self.console.print(text)

    def warn(self, text: str) -> None:
        """Show what went wrong, as it is."""
        self.console.print(f"[bold red]✗[/] {escape(text)}", soft_wrap=True)

    def crash(self, process: Process, log_tail: str) -> None:
        """Report a part that ended by itself, with the end of its log."""
        self.warn(f"{process.name} ended and is started again ({process.state.lower()}); its last lines:")
        for line in log_tail.splitlines():
            self.console.print(f"  [dim]│[/] {escape(line)}", soft_wrap=True)

    def pairs(self, title: str, rows: Rows) -> None:
        """Show names and values below a title."""
        self.console.print(f"\n[bold]{title}[/]")
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self.console.print(f"  {name:<{width}}  {escape(value)}", soft_wrap=True)

    def table(self, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Show a table."""
        table = Table(*header, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*map(escape, row))
        self.console.print(table)
