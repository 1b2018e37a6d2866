"""Everything there is restarted, or killed, while a hundred orders are in flight; the books still balance."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from shop_devstack import stack
from shop_devstack.demo import generator
from shop_devstack.demo.__main__ import BOUNDS
from shop_devstack.demo.invoices import Selection, select
from shop_devstack.demo.options import DemoOptions
from shop_devstack.demo.progress import Progress
from shop_devstack.demo.replay import replay
from shop_devstack.screen import Screen
from shop_devstack.settings import StackSettings
from shop_devstack.stack import StackInfo
from shop_devstack.supervise import Supervisor

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

INVOICES = 400
BUYERS = 200


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackInfo]:
    """A stack with a MongoDB and a Kafka of its own, which may be killed."""
    ports = {f"{name.replace('-', '_')}_port": 0 for name in StackSettings().preferred_ports}
    settings = StackSettings(mongodb_url=None, kafka_bootstrap_servers=None, **ports)
    screen = Screen(Console(quiet=True))
    started = stack.start(tmp_path_factory.mktemp("stack"), settings, screen, outlive=False)
    try:
        yield started.info
    finally:
        started.launched.stop()


def invoices() -> Selection:
    """Invoices in which each product keeps its first price, so that all of them may be bought at once."""
    first: dict[str, str] = {}
    rows = (
        {**row, "UnitPrice": first.setdefault(row["StockCode"], row["UnitPrice"])} for row in generator.rows()
    )
    return select(rows, INVOICES, BOUNDS)


class Halfway(Progress):
    """Says when half of the orders are placed."""

    def __init__(self) -> None:
        super().__init__(Screen(Console(quiet=True)))
        self.reached = asyncio.Event()

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[..., None]]:
        done = 0
        with super().phase(title, total) as step:

            def counting(*args: object) -> None:
                nonlocal done
                done += 1
                if title == "Orders placed" and 2 * done >= total:
                    self.reached.set()
                step(*args)

            yield counting


async def test_a_graceful_restart_of_everything_is_exact(whole_stack: StackInfo) -> None:
    selection = invoices()
    options = DemoOptions(invoices=INVOICES, buyers=BUYERS, restart="everything", deadline=300)
    figures = await replay(whole_stack, options, "made up", selection, Progress(Screen(Console(quiet=True))))
    assert figures.differences == []
    assert figures.dead_letters == 0
    assert figures.orders == figures.mails == figures.sms == INVOICES
    assert figures.in_flight_at_restart is not None
    assert figures.in_flight_at_restart >= 100


async def test_a_kill_of_everything_is_exact_once_the_unknown_is_settled(whole_stack: StackInfo) -> None:
    selection = invoices()
    options = DemoOptions(invoices=INVOICES, buyers=BUYERS, deadline=300)
    halfway = Halfway()
    run = asyncio.create_task(replay(whole_stack, options, "made up", selection, halfway))
    reached = asyncio.create_task(halfway.reached.wait())
    await asyncio.wait([run, reached], return_when=asyncio.FIRST_COMPLETED)
    assert reached.done(), run.exception()
    for process in Supervisor(whole_stack.folder).processes().values():
        os.kill(process.pid, signal.SIGKILL)
    figures = await run
    assert figures.differences == []
    assert figures.dead_letters == 0
    assert figures.orders == figures.mails == figures.sms == INVOICES
