"""What each customer does before an order, decided beforehand: what they search for, which pages they view
and for how long. All of it is synthetic; the same run id gives the same visits. Pure, no I/O.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shop_devstack.demo.invoices import Invoice

_LONGEST_AGO = timedelta(hours=20)
"""How far back the first visit may be; the shop believes no activity that is older than a day."""
_MOST_PRODUCTS = 4
_ASKED = 0.25
_SHORTEST_MS, _LONGEST_MS = 2_000, 90_000
_BETWEEN_VISITS = timedelta(minutes=1)
_WORDS_SEARCHED = 2


@dataclass(frozen=True, slots=True)
class View:
    """One view of a page.

    Args:
        id: unique in the run.
        sku: the product that the page shows; None for the search results.
        at: when it was opened.
        totals: milliseconds it was engaged with by then, as they are told one after the other; they grow.
    """

    id: str
    sku: str | None
    at: datetime
    totals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Recommendations are asked for on the page of `sku`; `following` is what is viewed or bought next."""

    sku: str
    recent: tuple[str, ...]
    following: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What the customer of one invoice does before the order."""

    query: str
    views: tuple[View, ...]
    question: Question | None


def plan(invoices: Iterable[Invoice], run_id: str, now: datetime) -> Mapping[str, Visit]:
    """Return the visits by the numbers of their invoices.

    A customer's visits follow one another, and the last one ends `now`: nothing is viewed faster than a
    person could, however fast the demo tells of it.
    """
    visits: dict[str, Visit] = {}
    ends: dict[str, datetime] = defaultdict(lambda: now)
    for invoice in reversed(list(invoices)):
        dice = random.Random(f"{run_id} {invoice.number}")  # noqa: S311  for variety, not for secrets
        skus = _viewed(invoice, dice)
        dwells = [_dwell(dice) for _ in range(len(skus) + 1)]
        began = ends[invoice.customer] - timedelta(milliseconds=sum(totals[-1] for totals in dwells))
        began = max(began, now - _LONGEST_AGO)
        views = _views(f"{run_id}-{invoice.number}", [None, *skus], dwells, began)
        visits[invoice.number] = Visit(_query(invoice, skus[0]), views, _question(invoice, skus, dice))
        ends[invoice.customer] = began - _BETWEEN_VISITS
    return visits


def _viewed(invoice: Invoice, dice: random.Random) -> list[str]:
    count = min(len(invoice.lines), dice.randint(1, _MOST_PRODUCTS))
    chosen = sorted(dice.sample(range(len(invoice.lines)), count))
    return [invoice.lines[index].sku for index in chosen]


def _dwell(dice: random.Random) -> tuple[int, int]:
    whole = dice.randint(_SHORTEST_MS, _LONGEST_MS)
    return dice.randint(1, whole - 1), whole


def _views(
    prefix: str, skus: Iterable[str | None], dwells: Iterable[tuple[int, ...]], began: datetime
) -> tuple[View, ...]:
    views = []
    for number, (sku, totals) in enumerate(zip(skus, dwells, strict=True)):
        views.append(View(f"{prefix}-{number}", sku, began, totals))
        began += timedelta(milliseconds=totals[-1])
    return tuple(views)


def _query(invoice: Invoice, sku: str) -> str:
    title = next(line.title for line in invoice.lines if line.sku == sku)
    words = [word for word in title.split() if word.isalnum()]
    return " ".join(words[:_WORDS_SEARCHED]) or sku


def _question(invoice: Invoice, viewed: list[str], dice: random.Random) -> Question | None:
    asked = dice.random() < _ASKED
    index = dice.randrange(len(viewed))
    unseen = [line.sku for line in invoice.lines if line.sku not in viewed]
    following = [*viewed[index + 1 :], *unseen]
    if not asked or not following:
        return None
    return Question(viewed[index], tuple(viewed[:index]), following[0])
