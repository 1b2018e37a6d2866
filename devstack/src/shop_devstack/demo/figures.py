"""The demo's result: figures for people (a table) and for programs (JSON), and what does not add up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel
from rich.markup import escape
from rich.table import Table

from shop_devstack import credentials
from shop_devstack.demo.secrecy import Search
from shop_devstack.screen import Screen

_SHOWN_DIFFERENCES = 10
_MINUTE_MS = 60_000


class BrowsingFigures(BaseModel):
    """What visitors did besides buying, as analytics has counted it. Views and times are synthetic."""

    sessions: int
    views: int
    engaged_ms: int
    purchases: int
    units: int
    recommended: int
    """Products that were shown as recommendations."""
    recommendation_clicks: int
    expected: dict[str, int]
    """The same counts as the plan and the invoices give them."""
    other_visitors: int
    """Who used the shop meanwhile and was none of the demo's; then more may be counted than expected."""
    searches: int
    results_chosen: int
    carts: int
    full_carts: int
    recommendations: int
    recommendation_hits: int
    co_purchases: int
    """Pairs of products bought in one order."""
    guesses: int
    alerts: list[str]
    """The rules of the alerts raised."""
    suggestions: int
    product_mails: int
    """Suggestions that were mailed to customers who had agreed to that."""
    reflected_ms: list[int]
    reflected_ms_p50: int | None

    def rows(self) -> Mapping[str, str]:
        """Return what the table shows."""
        hits, asked = self.recommendation_hits, self.recommendations
        share = f" ({hits / asked:.0%})" if asked else ""
        return {
            "sessions": f"{self.sessions:,}",
            "searches": f"{self.searches:,}, {self.results_chosen:,} of them led to what was looked for",
            "page views": f"{self.views:,} (synthetic)",
            "engaged minutes": f"{self.engaged_ms / _MINUTE_MS:,.1f} (synthetic)",
            "carts filled": f"{self.carts:,}, {self.full_carts:,} without room",
            "bought together": f"{self.co_purchases:,} pairs of products in one order",
            "alerts": f"{', '.join(self.alerts) or 'none'} (after {self.guesses} guessed passwords)",
            "suggestions": f"{self.suggestions:,} while the demo ran, {self.product_mails:,} of them mailed",
            "recommendation hits": f"{hits:,} of {asked:,} had the next product viewed or bought{share}",
            "view to recommendation": f"p50 {self.reflected_ms_p50} ms of {len(self.reflected_ms)} probes",
        }


class SearchFigures(BaseModel):
    """Where secrets and personal data were looked for; what was found is a difference."""

    secrets: int
    records: int
    log_bytes: int

    @classmethod
    def of(cls, search: Search) -> Self:
        """Return how far a search went."""
        return cls(secrets=search.needles, records=search.records, log_bytes=search.log_bytes)

    @property
    def row(self) -> str:
        """Return what the table shows."""
        megabytes = self.log_bytes / 1_000_000
        return f"{self.secrets:,}, in {self.records:,} records, {megabytes:,.1f} MB of logs, all metrics"


class Figures(BaseModel):
    """What one run of the demo has counted and measured. Amounts are in pence."""

    run_id: str
    source: str
    rows_read: int
    rows_left_out: dict[str, int]
    invoices: int
    customers: int
    products: int
    price_changes: int
    orders: int
    orders_total: int
    most_at_once: int
    in_flight_at_restart: int | None
    shopping_seconds: float
    orders_per_second: float
    draining_seconds: float
    mails: int
    sms: int
    inboxes_sampled: int
    inbox_entries: int
    events: dict[str, int]
    """By topic."""
    event_types: dict[str, int]
    dead_letters: int
    retries: dict[str, int]
    """Requests that had to be sent again, by reason."""
    latency_ms_p50: int | None
    """From the order's acceptance to the mail's."""
    latency_ms_p99: int | None
    browsing: BrowsingFigures | None
    """None when there was nothing but buying."""
    searched: SearchFigures
    differences: list[str]

    @property
    def exact(self) -> bool:
        """Say whether orders and receipts match one to one, to the penny, and nothing was given up."""
        return not self.differences and not self.dead_letters

    def write(self, file: Path) -> None:
        """Keep the figures as JSON."""
        credentials.write_private(file, self.model_dump())

    def show(self, screen: Screen) -> None:
        """Print the table, and what does not add up."""
        screen.console.print()
        screen.console.print(_table(self._rows()))
        for text in self.differences[:_SHOWN_DIFFERENCES]:
            screen.warn(text)
        if (more := len(self.differences) - _SHOWN_DIFFERENCES) > 0:
            screen.warn(f"and {more} more differences")

    def _rows(self) -> Mapping[str, str]:
        return {
            "customers": f"{self.customers:,}",
            "products": f"{self.products:,}",
            "orders": f"{self.orders:,} of {self.invoices:,} invoices",
            "worth": f"£{self.orders_total / 100:,.2f}",
            "price changes": f"{self.price_changes:,}",
            **(self.browsing.rows() if self.browsing else {}),
            **{f"events in {topic}": f"{count:,}" for topic, count in sorted(self.events.items())},
            "secrets looked for": self.searched.row,
            "mails": f"{self.mails:,}",
            "SMS": f"{self.sms:,}",
            "inbox entries": f"{self.inbox_entries:,} in {self.inboxes_sampled:,} inboxes looked at",
            "dead letters": f"{self.dead_letters:,}",
            "most orders at once": f"{self.most_at_once:,}",
            "requests sent again": _counted(self.retries),
            "orders per second": f"{self.orders_per_second:,.1f}",
            "order accepted to mail received": f"p50 {self.latency_ms_p50} ms, p99 {self.latency_ms_p99} ms",
        }


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} after {reason}" for reason, count in sorted(counts.items())) or "none"


def _table(rows: Mapping[str, str]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, escape(value))
    return table
