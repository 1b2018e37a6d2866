"""What of the data is replayed, and what it must cost."""

import csv
import gzip
import io
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest

from shop_catalog.api import orders as catalog_orders
from shop_catalog.domain.products import MAX_AMOUNT
from shop_devstack.demo import generator
from shop_devstack.demo.__main__ import BOUNDS
from shop_devstack.demo.errors import UnreadableInvoicesError
from shop_devstack.demo.invoices import COLUMNS, Bounds, Invoice, LeftOut, Line, Row, pence, select
from shop_devstack.demo.source import open_source

WIDE = Bounds(lines=1000, quantity=100_000, total=10**9)


def row(**changes: str) -> Row:
    usual = {
        "InvoiceNo": "536365",
        "StockCode": "85123A",
        "Description": "WHITE  HANGING HEART ",
        "Quantity": "6",
        "InvoiceDate": "2010-12-01 08:26:00",
        "UnitPrice": "2.55",
        "CustomerID": "17850.0",
        "Country": "United Kingdom",
    }
    return usual | changes


def test_an_invoice_is_read_with_whole_pence() -> None:
    selection = select([row()], 10, WIDE)

    line = Line("85123A", "WHITE HANGING HEART", 6, 255)
    assert selection.invoices == (Invoice("536365", "17850", (line,)),)
    assert selection.invoices[0].total == 1530


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"InvoiceNo": "C536365", "Quantity": "-6"}, LeftOut.CANCELLED),
        ({"CustomerID": ""}, LeftOut.GUEST),
        ({"StockCode": "POST"}, LeftOut.CHARGE),
        ({"StockCode": "m"}, LeftOut.CHARGE),
        ({"StockCode": "BANK CHARGES"}, LeftOut.CHARGE),
        ({"StockCode": "PADS"}, LeftOut.CHARGE),
        ({"StockCode": "gift_0001_20"}, LeftOut.UNKNOWN_CODE),
        ({"Quantity": "0"}, LeftOut.QUANTITY),
        ({"Quantity": "-3"}, LeftOut.QUANTITY),
        ({"UnitPrice": "0"}, LeftOut.PRICE),
        ({"UnitPrice": "0.001"}, LeftOut.PRICE),
        ({"UnitPrice": "-11062.06"}, LeftOut.PRICE),
    ],
)
def test_a_row_that_a_shop_cannot_replay_is_left_out_and_counted(
    changes: dict[str, str], reason: LeftOut
) -> None:
    selection = select([row(**changes), row(InvoiceNo="2")], 10, WIDE)

    assert [invoice.number for invoice in selection.invoices] == ["2"]
    assert selection.left_out == {reason: 1}
    assert selection.rows == 2


def test_of_two_prices_of_one_code_the_last_counts_for_all_pieces() -> None:
    rows = [row(Quantity="2", UnitPrice="2.55"), row(StockCode="85123a", Quantity="3", UnitPrice="2.95")]

    (invoice,) = select(rows, 10, WIDE).invoices

    assert [(line.quantity, line.price) for line in invoice.lines] == [(5, 295)]
    assert invoice.total == 5 * 295


@pytest.mark.parametrize(
    "bounds",
    [Bounds(lines=1, quantity=100, total=10**6), Bounds(2, 5, 10**6), Bounds(2, 100, 2 * 1530 - 1)],
)
def test_an_invoice_beyond_the_bounds_of_an_order_is_left_out_with_all_its_rows(bounds: Bounds) -> None:
    selection = select([row(), row(StockCode="71053")], 10, bounds)

    assert selection.invoices == ()
    assert selection.left_out == {LeftOut.TOO_LONG: 2}


def test_rows_of_an_invoice_that_had_ended_are_left_out() -> None:
    selection = select([row(InvoiceNo="1"), row(InvoiceNo="2"), row(InvoiceNo="1")], 10, WIDE)

    assert [(invoice.number, invoice.total) for invoice in selection.invoices] == [("1", 1530), ("2", 1530)]
    assert selection.left_out == {LeftOut.CONTINUED: 1}


def test_no_more_is_read_than_is_wanted() -> None:
    rows = iter([row(InvoiceNo=str(number)) for number in range(100)])

    assert len(select(rows, 3, WIDE).invoices) == 3
    assert len(list(rows)) >= 96


@pytest.mark.parametrize(
    ("pounds", "expected"), [("2.55", 255), ("0.005", 1), ("8.1499999", 815), ("1e2", 10000)]
)
def test_pounds_become_pence_without_floats(pounds: str, expected: int) -> None:
    assert pence(pounds) == expected


@pytest.mark.parametrize("changes", [{"Quantity": "six"}, {"UnitPrice": "cheap"}, {"UnitPrice": "NaN"}])
def test_a_row_without_numbers_is_told(changes: dict[str, str]) -> None:
    with pytest.raises(UnreadableInvoicesError, match="cannot be read"):
        select([row(**changes)], 10, WIDE)


def test_the_bounds_are_those_of_catalog() -> None:
    assert Bounds(catalog_orders.MOST_LINES, catalog_orders.MOST_PIECES, MAX_AMOUNT) == BOUNDS


def test_the_generator_makes_the_same_rows_each_time_and_all_kinds_of_them() -> None:
    first, second = (select(generator.rows(), 300, BOUNDS) for _ in range(2))

    assert first == second
    assert len(first.invoices) == 300
    assert {LeftOut.CANCELLED, LeftOut.GUEST, LeftOut.CHARGE} <= first.left_out.keys()
    assert len({(line.sku, line.price) for each in first.invoices for line in each.lines}) > len(
        {line.sku for each in first.invoices for line in each.lines}
    )


def write(file: Path, rows: Iterable[Row]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, (*COLUMNS, "Country"))
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


@pytest.mark.parametrize("name", ["invoices.csv", "invoices.csv.gz"])
def test_a_named_file_is_read_packed_or_not(tmp_path: Path, name: str) -> None:
    rows = list(islice(generator.rows(), 50))
    file = write(tmp_path / name, rows)

    with open_source(file) as source:
        assert name in source.told
        assert list(source.rows) == rows


def test_without_a_file_the_invoices_are_made_up_and_that_is_said(tmp_path: Path) -> None:
    with open_source(None, beside=tmp_path / "none.csv.gz") as source:
        assert "Made-up" in source.told
        assert next(iter(source.rows))["InvoiceNo"]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.csv"
    file.write_text(content)

    with pytest.raises(UnreadableInvoicesError, match="no column"), open_source(file):
        pass


def test_a_file_that_is_not_there_or_not_packed_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"not packed")

    for file in (tmp_path / "none.csv", broken):
        with pytest.raises(UnreadableInvoicesError, match=file.name), open_source(file):
            pass
