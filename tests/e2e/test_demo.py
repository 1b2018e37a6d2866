"""The demo's invoices become orders and receipts exactly, also a second time and while services restart."""

import pytest
from rich.console import Console

from shop_devstack.demo import generator
from shop_devstack.demo.__main__ import BOUNDS
from shop_devstack.demo.figures import BrowsingFigures
from shop_devstack.demo.invoices import select
from shop_devstack.demo.options import DemoOptions, Restart
from shop_devstack.demo.probes import PROBES
from shop_devstack.demo.progress import Progress
from shop_devstack.demo.replay import replay
from shop_devstack.screen import Screen
from shop_devstack.stack import StackInfo

pytestmark = pytest.mark.e2e

INVOICES = 24
RESTARTS: tuple[Restart | None, ...] = (None, "services")


async def test_invoices_and_receipts_match_one_to_one_and_to_the_penny_twice(
    running_stack: StackInfo,
) -> None:
    selection = select(generator.rows(), INVOICES, BOUNDS)
    total = sum(invoice.total for invoice in selection.invoices)
    quiet = Progress(Screen(Console(quiet=True)))

    for restart in RESTARTS:
        options = DemoOptions(invoices=INVOICES, buyers=24, restart=restart, deadline=120)
        figures = await replay(running_stack, options, "made up", selection, quiet)

        assert figures.differences == []
        assert figures.exact
        assert (figures.orders, figures.orders_total) == (INVOICES, total)
        assert figures.mails == figures.sms == INVOICES
        assert figures.event_types["catalog.order.paid.v1"] == INVOICES
        assert figures.inbox_entries > 0
        assert figures.searched.secrets >= 5 * figures.customers
        assert (figures.in_flight_at_restart is None) == (restart is None)
        assert figures.browsing
        everybody_counted_exactly(figures.browsing, figures.customers)


def everybody_counted_exactly(browsing: BrowsingFigures, customers: int) -> None:
    """Check that there was something to be counted, and that nobody else's visits hide a wrong count."""
    assert browsing.other_visitors == 0
    assert browsing.model_dump(include=set(browsing.expected)) == browsing.expected
    assert browsing.sessions == customers + PROBES
    assert browsing.views > browsing.sessions
    assert min(browsing.engaged_ms, browsing.units, browsing.co_purchases) > INVOICES
    assert browsing.searches == INVOICES
    assert min(browsing.carts, browsing.recommendations, browsing.recommended) > 0
    assert browsing.alerts == ["login-failures"]
    assert len(browsing.reflected_ms) == PROBES
