"""Which invoice may be bought when, so that none ever meets another price than its own. Pure, no I/O.

A product has one price at a time. Invoices that agree on the prices of the products they share run together;
one that needs another price waits until no order of the old price is in flight, and those that follow wait
until the price is changed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shop_devstack.demo.invoices import Invoice, Line


@dataclass(frozen=True, slots=True)
class Start:
    """An invoice that may be bought once its price changes (pence by stock code) are made."""

    invoice: Invoice
    changes: Mapping[str, int]


class PriceSchedule:
    """Hands out invoices, roughly in the order of the file.

    Args:
        invoices: what is to be bought.
        prices: the catalogue's prices in pence by stock code, for all products of the invoices.
        window: how far behind the oldest waiting invoice one may be to overtake it. The oldest can always
            start once nothing is in flight, so nothing waits for ever.
    """

    def __init__(self, invoices: Iterable[Invoice], prices: Mapping[str, int], window: int = 200) -> None:
        self._waiting = {invoice.number: invoice for invoice in invoices}
        self._prices = dict(prices)
        self._window = window
        self._in_flight: Counter[str] = Counter()
        self._changing: dict[str, frozenset[str]] = {}

    @property
    def exhausted(self) -> bool:
        """Say whether every invoice was handed out."""
        return not self._waiting

    def take(self, most: int) -> list[Start]:
        """Hand out up to `most` invoices that may start now; tell of each by `priced` and `finished`."""
        started: list[Start] = []
        changing = frozenset().union(*self._changing.values())
        for _, invoice in zip(range(self._window), list(self._waiting.values()), strict=False):
            if len(started) == most:
                break
            if all(self._may_have(line, changing) for line in invoice.lines):
                start = self._start(invoice)
                changing |= start.changes.keys()
                started.append(start)
        return started

    def priced(self, invoice: Invoice) -> None:
        """Note that the price changes of an invoice are made."""
        self._changing.pop(invoice.number, None)

    def finished(self, invoice: Invoice) -> None:
        """Note that an invoice is bought, or given up: its products may have other prices now."""
        self._changing.pop(invoice.number, None)
        for line in invoice.lines:
            self._in_flight[line.sku] -= 1

    def _may_have(self, line: Line, changing: frozenset[str]) -> bool:
        if self._in_flight[line.sku] == 0:
            return True
        return self._prices[line.sku] == line.price and line.sku not in changing

    def _start(self, invoice: Invoice) -> Start:
        changes = {line.sku: line.price for line in invoice.lines if self._prices[line.sku] != line.price}
        self._prices.update(changes)
        self._in_flight.update(line.sku for line in invoice.lines)
        if changes:
            self._changing[invoice.number] = frozenset(changes)
        del self._waiting[invoice.number]
        return Start(invoice, changes)
