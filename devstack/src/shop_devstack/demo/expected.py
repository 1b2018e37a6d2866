"""The judge of what analytics has counted: the plan and the invoices alone say what that must be. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any, NamedTuple

from shop_devstack.demo.invoices import Invoice
from shop_devstack.demo.visits import Visit

MINUTE_MS = 60_000
_MOST_COMPANIONS = 40
"""Products of one order that analytics counts in pairs: the first ones of a longer order."""


class Counts(NamedTuple):
    """What analytics counts of the whole shop. `recommended` counts products shown, `co_purchases` pairs."""

    sessions: int = 0
    views: int = 0
    engaged_ms: int = 0
    purchases: int = 0
    units: int = 0
    recommended: int = 0
    recommendation_clicks: int = 0
    co_purchases: int = 0

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> "Counts":
        """Read the answer of /v1/insights/summary, which shows the milliseconds as minutes."""
        engaged_ms = round(summary["engaged_minutes"] * MINUTE_MS)
        return cls(engaged_ms=engaged_ms, **{name: summary[name] for name in cls._fields if name in summary})

    def since(self, before: "Counts") -> "Counts":
        """Return what has been added since `before`."""
        return Counts(*(now - then for now, then in zip(self, before, strict=True)))

    def missing(self, counted: "Counts") -> int:
        """Return how much of this is not counted yet; milliseconds are one thing together."""
        short = [max(0, want - have) for want, have in zip(self, counted, strict=True)]
        return sum(short) - short[2] + bool(short[2])


def browsed(visits: Iterable[Visit]) -> Counts:
    """Return the views of visits, and the largest total of each view."""
    views = [view for visit in visits for view in visit.views]
    return Counts(views=len(views), engaged_ms=sum(max(view.totals) for view in views))


def bought(invoices: Iterable[Invoice]) -> Counts:
    """Return what invoices buy."""
    invoices = list(invoices)
    units = sum(line.quantity for invoice in invoices for line in invoice.lines)
    pairs = sum(math.comb(min(len(invoice.lines), _MOST_COMPANIONS), 2) for invoice in invoices)
    return Counts(purchases=len(invoices), units=units, co_purchases=pairs)


def together(*parts: Counts) -> Counts:
    """Return the sum."""
    return Counts(*map(sum, zip(*parts, strict=True)))


def companions(invoices: Iterable[Invoice]) -> dict[str, Counter[str]]:
    """Return by stock code how often each other one was bought in the same order."""
    found: dict[str, Counter[str]] = {}
    for invoice in invoices:
        skus = [line.sku for line in invoice.lines[:_MOST_COMPANIONS]]
        for one, other in permutations(skus, 2):
            found.setdefault(one, Counter())[other] += 1
    return found


def differences(want: Counts, counted: Counts, *, alone: bool) -> list[str]:
    """Return in words what analytics has counted wrongly.

    Args:
        alone: whether nobody else used the shop; if somebody did, more than expected is no fault.
    """
    return [
        f"analytics has counted {have:,} {name.replace('_', ' ')}, not {expected:,}"
        for name, expected, have in zip(Counts._fields, want, counted, strict=True)
        if have < expected or (alone and have != expected)
    ]


def wrong_alerts(raised: Iterable[tuple[str, str]], attacked: str, ours: Iterable[str]) -> list[str]:
    """Return in words what is wrong about the alerts (rule and subject): one for the attack, none for us.

    Args:
        attacked: the user whose password was guessed at.
        ours: the demo's own visitors and customers.
    """
    raised, innocent = list(raised), frozenset(ours)
    found = raised.count(("login-failures", attacked))
    wrong = [] if found == 1 else [f"the attack on {attacked} raised {found} alerts, not 1"]
    return wrong + [f"{rule} was raised about {subject}" for rule, subject in raised if subject in innocent]
