"""`python -m shop_devstack.demo`: replay invoices on the running stack, or on one that is started for it."""

import asyncio
import logging
import subprocess
import sys

from shop_devstack import folders, stack
from shop_devstack.demo.errors import DemoError
from shop_devstack.demo.figures import Figures
from shop_devstack.demo.invoices import Bounds, Selection, select
from shop_devstack.demo.options import DemoOptions
from shop_devstack.demo.progress import Progress
from shop_devstack.demo.replay import replay, report_file
from shop_devstack.demo.source import open_source
from shop_devstack.errors import DevstackError
from shop_devstack.screen import Screen
from shop_devstack.stack import StackInfo

BOUNDS = Bounds(lines=500, quantity=100_000, total=99_999_999)
"""What catalog takes in one order."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return its exit status: 0 when every receipt is right, else 1."""
    options = DemoOptions.parse(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters reaches us as an exception
    screen = Screen()
    try:
        return run(options, screen)
    except* DevstackError as group:
        for error in _single(group):
            screen.warn(str(error))
    except* KeyboardInterrupt:
        screen.say("Stopped. The stack is still running; `make down` stops it.")
    return 1


def run(options: DemoOptions, screen: Screen) -> int:
    """Read invoices, have a stack, replay, and show the result."""
    with open_source(options.file) as source:
        told = source.told
        with screen.step(f"{told}: reading {options.invoices:,}"):
            selection = select(source.rows, options.invoices, BOUNDS)
    _show_selection(selection, screen)
    if not selection.invoices:
        raise DemoError("There is no invoice that a shop could replay")
    info, started = _stack()
    figures = asyncio.run(replay(info, options, told, selection, Progress(screen)))
    figures.write(report_file(info.folder))
    figures.show(screen)
    _show_end(figures, info, started, screen)
    return 0 if figures.exact else 1


def _single(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_single(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def _show_selection(selection: Selection, screen: Screen) -> None:
    lines = sum(len(invoice.lines) for invoice in selection.invoices)
    screen.say(f"  {selection.rows:,} rows read, {len(selection.invoices):,} invoices, {lines:,} lines")
    for reason, count in sorted(selection.left_out.items()):
        screen.say(f"  [dim]left out: {count:,} rows {reason}[/]")


def _stack() -> tuple[StackInfo, bool]:
    """Return the running stack, started if need be, and whether it was started. Raises DemoError."""
    if (info := stack.running()) is not None:
        return info, False
    subprocess.run([sys.executable, "-m", "shop_devstack", "up", "--detach"], check=False)
    info = stack.running()
    if info is None:
        raise DemoError(f"The stack could not be started; its logs are in {folders.devstack_dir() / 'logs'}")
    return info, True


def _show_end(figures: Figures, info: StackInfo, started: bool, screen: Screen) -> None:
    if figures.exact:
        screen.say(
            f"\n[bold green]✓ {figures.orders:,} orders, {figures.orders:,} receipts by mail and by SMS, "
            "each total right to the penny, no dead letter[/]"
        )
    else:
        screen.warn(f"{len(figures.differences):,} differences, {figures.dead_letters:,} dead letters")
    screen.pairs(
        "Look around",
        [
            ("Shop", info.gateway_url),
            ("Mails and messages", f"{info.sandbox_url}/sandbox"),
            *((f"API of {name}", f"{info.gateway_url}/v1/{name}/openapi.json") for name in info.service_urls),
            ("These figures", str(report_file(info.folder))),
        ],
    )
    screen.pairs("Next", [("make status", "the parts and their health"), *_stopping(started)])


def _stopping(started: bool) -> list[tuple[str, str]]:
    if started:
        return [("make down", "stop the stack that the demo has started; the data stays")]
    return [("make demo", "the same invoices again, as new orders")]


if __name__ == "__main__":
    sys.exit(main())
