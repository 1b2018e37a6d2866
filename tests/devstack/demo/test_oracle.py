"""The judge sees each way in which orders, receipts and invoices can disagree."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shop_devstack.demo import oracle
from shop_devstack.demo.invoices import Invoice, Line
from shop_devstack.demo.shopping import Order

INVOICE = Invoice("536365", "17850", (Line("A", "A", 6, 255), Line("B", "B", 1, 1)))
ORDER = Order("ord_1", INVOICE, 1531, "GBP", "paid", datetime(2026, 1, 1, tzinfo=UTC))
AT = 1_767_225_600_000


def receipts(mails: int = 1, sms: int = 1, total: int = 1531, currency: str = "GBP") -> dict[str, Any]:
    mail = {"count": mails, "accepted_at": AT + 20, "total_minor": total, "currency": currency}
    text = {"count": sms, "accepted_at": AT + 30, "total_minor": None, "currency": None}
    return {"ord_1": {"email": mail, "sms": text}}


def test_nothing_is_said_when_all_agree() -> None:
    assert oracle.differences([ORDER], receipts()) == []
    assert oracle.complete(ORDER, receipts())


@pytest.mark.parametrize(
    ("order", "found", "said"),
    [
        (ORDER, {}, "0 receipts by email"),
        (ORDER, {"ord_1": {"email": receipts()["ord_1"]["email"]}}, "0 receipts by sms"),
        (ORDER, receipts(mails=2), "2 receipts by email"),
        (ORDER, receipts(sms=2), "2 receipts by sms"),
        (ORDER, receipts(total=1530), "its mail says 1530 GBP"),
        (ORDER, receipts(currency="EUR"), "its mail says 1531 EUR"),
        (replace(ORDER, total=1532), receipts(), "the shop says 1532 GBP"),
        (replace(ORDER, status="placed"), receipts(), "is placed, not paid"),
    ],
)
def test_each_disagreement_is_told(order: Order, found: dict[str, Any], said: str) -> None:
    assert any(said in text for text in oracle.differences([order], found))


def test_two_invoices_in_one_order_are_told() -> None:
    other = replace(ORDER, invoice=replace(INVOICE, number="536366"))

    assert "are the same order" in " ".join(oracle.differences([ORDER, other], receipts()))


def test_an_order_that_no_invoice_asked_for_is_told_unless_it_is_somebody_elses() -> None:
    placed = {"ord_1": "usr_1", "ord_2": "usr_1", "ord_3": "usr_9"}

    (text,) = oracle.extra_orders([ORDER], placed, {"usr_1"})

    assert "ord_2" in text


def test_latency_is_measured_from_acceptance_to_mail() -> None:
    assert oracle.latencies([ORDER, replace(ORDER, id="ord_2")], receipts()) == [20]


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0.1, 1)])
def test_percentiles_are_by_nearest_rank(percent: float, expected: int) -> None:
    assert oracle.percentile(range(100, 0, -1), percent) == expected
    assert oracle.percentile([], percent) is None
