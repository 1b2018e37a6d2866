"""Visits are planned before anything is done: plausible for a person, and the same for the same run."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from shop_devstack.demo import visits
from shop_devstack.demo.invoices import Invoice, Line

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
INVOICES = [
    Invoice(str(number), f"c{number % 3}", tuple(Line(f"s{n}", f"Red mug {n}", 1, 100) for n in range(5)))
    for number in range(30)
]
PLAN = visits.plan(INVOICES, "run-1", NOON)


def test_every_invoice_has_one_visit_and_the_same_run_has_the_same_visits() -> None:
    assert PLAN.keys() == {invoice.number for invoice in INVOICES}
    assert visits.plan(INVOICES, "run-1", NOON) == PLAN
    assert visits.plan(INVOICES, "run-2", NOON) != PLAN


def test_views_are_of_products_that_are_bought_after_a_search_for_one_of_them() -> None:
    for invoice in INVOICES:
        visit = PLAN[invoice.number]
        assert visit.views[0].sku is None
        assert {view.sku for view in visit.views[1:]} <= {line.sku for line in invoice.lines}
        assert visit.query == "Red mug"


def test_nobody_views_two_pages_at_once_and_nothing_lies_in_the_future() -> None:
    for customer in ("c0", "c1", "c2"):
        own = [PLAN[invoice.number] for invoice in INVOICES if invoice.customer == customer]
        views = [view for visit in own for view in visit.views]
        for view, following in pairwise(views):
            assert view.at + timedelta(milliseconds=view.totals[-1]) <= following.at
        assert views[-1].at + timedelta(milliseconds=views[-1].totals[-1]) <= NOON


def test_totals_of_engaged_time_grow_and_ids_are_unique() -> None:
    views = [view for visit in PLAN.values() for view in visit.views]
    assert all(0 < view.totals[0] < view.totals[1] for view in views)
    assert len({view.id for view in views}) == len(views)


def test_who_asks_for_recommendations_asks_before_what_follows_was_viewed() -> None:
    asked = [visit for visit in PLAN.values() if visit.question]
    assert asked
    for visit in asked:
        question = visit.question
        assert question is not None
        assert question.following not in (*question.recent, question.sku)
