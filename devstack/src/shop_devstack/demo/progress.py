"""One bar a phase, which stays on the screen with its time once the phase is over."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars

from shop_devstack.screen import Screen


class Step:
    """Moves a bar: by one, or to a given place; `note` is shown behind it."""

    def __init__(self, bar: bars.Progress) -> None:
        self._bar = bar

    def __call__(self, completed: int | None = None, note: str = "") -> None:
        """Move on."""
        task = self._bar.task_ids[0]
        if completed is None:
            self._bar.advance(task)
        else:
            self._bar.update(task, completed=completed, note=note)


class Progress:
    """Shows the phases of the demo one below the other."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Step]:
        """Show a bar while a phase lasts."""
        columns = (
            bars.TextColumn("{task.description:<36}"),
            bars.BarColumn(bar_width=30),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            bars.TextColumn("[dim]{task.fields[note]}[/]"),
        )
        with bars.Progress(*columns, console=self._screen.console) as bar:
            bar.add_task(title, total=total, note="")
            step = Step(bar)
            yield step
            bar.update(bar.task_ids[0], note="")
