"""Invoices as the Online Retail data has them (one row a line), and which rows a shop can replay.

Source of the format: Chen (2015), UCI Online Retail, doi 10.24432/C5BW33.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from itertools import groupby

from shop_devstack.demo.errors import UnreadableInvoicesError

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
CURRENCY = "GBP"

Row = Mapping[str, str]

_PRODUCT = re.compile(r"\d{5}[A-Z]*|DCGS[A-Z0-9]+")
_NO_PRODUCTS = frozenset(
    {"POST", "DOT", "M", "D", "S", "C2", "B", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES"}
)
"""Postage, carriage, manual entries, discounts, samples, fees. All fail `_PRODUCT` too; known by name."""


class LeftOut(StrEnum):
    """Why a row is not replayed."""

    CANCELLED = "cancelled (the invoice begins with C)"
    GUEST = "without a customer"
    CHARGE = "postage, fees and the like, no product"
    UNKNOWN_CODE = "a code that is no product's (vouchers)"
    QUANTITY = "quantity not positive"
    PRICE = "price below one penny"
    CONTINUED = "of an invoice that had ended before"
    TOO_LONG = "of an invoice that the shop's bounds do not allow"


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an invoice; `price` is that of one piece, in pence."""

    sku: str
    title: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """What one customer bought at once; each product is on one line."""

    number: str
    customer: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """What is to be paid, in pence."""
        return sum(line.quantity * line.price for line in self.lines)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the shop takes in one order; `total` is in pence."""

    lines: int
    quantity: int
    total: int

    def allow(self, invoice: Invoice) -> bool:
        """Say whether the shop takes an order like this."""
        return (
            len(invoice.lines) <= self.lines
            and max(line.quantity for line in invoice.lines) <= self.quantity
            and invoice.total <= self.total
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The invoices to replay, and how many rows were left out for which reason."""

    invoices: tuple[Invoice, ...]
    rows: int
    left_out: Mapping[LeftOut, int]


def select(rows: Iterable[Row], wanted: int, bounds: Bounds) -> Selection:
    """Read rows until there are `wanted` invoices, or no more rows.

    Raises UnreadableInvoicesError when a row has not the columns, or no numbers where they belong.
    """
    invoices: list[Invoice] = []
    left_out: Counter[LeftOut] = Counter()
    seen: set[str] = set()
    read = 0
    for number, group in groupby(rows, key=_number):
        block = list(group)
        read += len(block)
        invoice = None if number in seen else _invoice(number, block, left_out)
        if number in seen:
            left_out[LeftOut.CONTINUED] += len(block)
        elif invoice and bounds.allow(invoice):
            invoices.append(invoice)
        elif invoice:
            left_out[LeftOut.TOO_LONG] += len(block)
        seen.add(number)
        if len(invoices) == wanted:
            break
    return Selection(tuple(invoices), read, left_out)


def _number(row: Row) -> str:
    try:
        return row["InvoiceNo"]
    except KeyError:
        raise UnreadableInvoicesError(
            f"There is no column InvoiceNo; {', '.join(COLUMNS)} are needed"
        ) from None


def _invoice(number: str, rows: Iterable[Row], left_out: Counter[LeftOut]) -> Invoice | None:
    lines: dict[str, Line] = {}
    customer = ""
    for row in rows:
        line = _line_or_reason(row)
        if isinstance(line, LeftOut):
            left_out[line] += 1
            continue
        customer = customer_of(row)
        earlier = lines.get(line.sku)
        # one code at two prices: the last counts, for all its pieces
        lines[line.sku] = Line(
            line.sku,
            line.title or (earlier.title if earlier else ""),
            line.quantity + (earlier.quantity if earlier else 0),
            line.price,
        )
    return Invoice(number, customer, tuple(lines.values())) if lines else None


def _line_or_reason(row: Row) -> Line | LeftOut:
    try:
        quantity, price = int(row["Quantity"]), pence(row["UnitPrice"])
        reason = _reason(row, quantity, price)
        sku = sku_of(row["StockCode"])
        return reason or Line(sku, " ".join(row["Description"].split()), quantity, price)
    except (KeyError, ValueError, InvalidOperation, TypeError, AttributeError) as error:
        raise UnreadableInvoicesError(f"A row cannot be read ({error}): {dict(row)}") from error


def _reason(row: Row, quantity: int, price: int) -> LeftOut | None:
    sku = sku_of(row["StockCode"])
    reasons = (
        (row["InvoiceNo"].startswith("C"), LeftOut.CANCELLED),
        (not customer_of(row), LeftOut.GUEST),
        (sku in _NO_PRODUCTS, LeftOut.CHARGE),
        (not _PRODUCT.fullmatch(sku), LeftOut.UNKNOWN_CODE),
        (quantity <= 0, LeftOut.QUANTITY),
        (price <= 0, LeftOut.PRICE),
    )
    return next((reason for applies, reason in reasons if applies), None)


def sku_of(code: str) -> str:
    """Return a stock code in its one form; the data has some in both cases."""
    return code.strip().upper()


def customer_of(row: Row) -> str:
    """Return the customer's number without the `.0` that some copies of the data carry; empty for guests."""
    return row["CustomerID"].strip().removesuffix(".0")


def pence(pounds: str) -> int:
    """Return an amount written in pounds as whole pence; half a penny is rounded up."""
    return int((Decimal(pounds) * 100).quantize(Decimal(1), ROUND_HALF_UP))
