"""Everything there is restarted, or killed, while a hundred orders are in flight, and what remembers and
learns is killed again and again; the books still balance, and all is counted.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from shop_devstack import stack
from shop_devstack.demo import generator
from shop_devstack.demo.__main__ import BOUNDS
from shop_devstack.demo.figures import Figures
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
SHOPPERS = 120


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


def invoices(most: int) -> Selection:
    """Invoices in which each product keeps its first price, so that all of them may be bought at once."""
    first: dict[str, str] = {}
    rows = (
        {**row, "UnitPrice": first.setdefault(row["StockCode"], row["UnitPrice"])} for row in generator.rows()
    )
    return select(rows, most, BOUNDS)


class Milestones(Progress):
    """Knows how much of each phase is done."""

    def __init__(self) -> None:
        super().__init__(Screen(Console(quiet=True)))
        self.share: dict[str, float] = {}

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[..., None]]:
        done = 0
        self.share[title] = 0.0
        with super().phase(title, total) as step:

            def counting(*args: object) -> None:
                nonlocal done
                done += 1
                self.share[title] = done / total
                step(*args)

            yield counting

    @property
    def ordered(self) -> float:
        """The share of the orders that are placed."""
        return self.share.get("Orders placed", 0.0)

    @property
    def stocking(self) -> bool:
        """Whether products are being put on sale, and somebody attacks."""
        return self.share.get("Products on sale", 1.0) < 1


async def test_a_graceful_restart_of_everything_is_exact(whole_stack: StackInfo) -> None:
    selection = invoices(INVOICES)
    options = DemoOptions(invoices=INVOICES, buyers=BUYERS, restart="everything", deadline=300)
    figures = await replay(whole_stack, options, "made up", selection, Progress(Screen(Console(quiet=True))))
    assert figures.differences == []
    assert figures.dead_letters == 0
    assert figures.orders == figures.mails == figures.sms == INVOICES
    assert figures.in_flight_at_restart is not None
    assert figures.in_flight_at_restart >= 100


async def test_a_kill_of_everything_is_exact_once_the_unknown_is_settled(whole_stack: StackInfo) -> None:
    selection, told = invoices(INVOICES), Milestones()
    options = DemoOptions(invoices=INVOICES, buyers=BUYERS, deadline=300)
    run = asyncio.create_task(replay(whole_stack, options, "made up", selection, told))
    while told.ordered < 0.5:
        assert not run.done(), run.exception()
        await asyncio.sleep(0.01)
    for process in Supervisor(whole_stack.folder).processes().values():
        os.kill(process.pid, signal.SIGKILL)
    figures = await run
    assert figures.differences == []
    assert figures.dead_letters == 0
    assert figures.orders == figures.mails == figures.sms == INVOICES


async def test_session_and_analytics_killed_at_random_lose_and_double_nothing_and_alert_once(
    whole_stack: StackInfo, chaos_seed: int, say: Callable[[str], None]
) -> None:
    say(f"seed {chaos_seed}")
    selection, told = invoices(SHOPPERS), Milestones()
    options = DemoOptions(invoices=SHOPPERS, buyers=12, deadline=300)
    run = asyncio.create_task(replay(whole_stack, options, "made up", selection, told))

    def is_busy() -> bool:
        """Not while visits begin: one that nobody heard the answer to would be one too many."""
        return told.stocking or 0.1 < told.ordered < 1

    killed = await kill_at_random(whole_stack, run, is_busy, random.Random(chaos_seed))
    figures = await run
    assert figures.differences == []
    assert figures.dead_letters == 0
    assert figures.browsing
    assert figures.browsing.other_visitors == 0
    assert figures.browsing.alerts.count("login-failures") == 1
    assert min(killed["session"], killed["analytics"]) >= 2


async def kill_at_random(
    info: StackInfo, run: asyncio.Task[Figures], is_busy: Callable[[], bool], dice: random.Random
) -> Counter[str]:
    """Kill session or analytics every now and then while it is busy; return how often each was killed."""
    killed: Counter[str] = Counter()
    while not run.done():
        await asyncio.sleep(dice.uniform(2, 8))
        name = min(("session", "analytics"), key=lambda name: (killed[name], dice.random()))
        process = (await asyncio.to_thread(Supervisor(info.folder).processes))[name]
        if is_busy() and process.pid:
            os.kill(process.pid, signal.SIGKILL)
            killed[name] += 1
    return killed
