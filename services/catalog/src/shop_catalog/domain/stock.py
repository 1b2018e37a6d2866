"""How many pieces of a variant can be sold, and what others hear about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shop_catalog.domain.errors import OutOfStock, StockOutOfRange
from shop_catalog.domain.requests import RequestKey
from shop_events.contracts import Aggregate
from shop_events.contracts.catalog import StockLow, StockRanOut, StockReturned

LOW_WATER = 5
MAX_STOCK = 10_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class StockAdjustment:
    """A correction of the number of pieces, kept for ever.

    Args:
        id: ``adj_…``.
        left: pieces after it.
        request: who made it.
    """

    id: str
    product_id: str
    variant_id: str
    delta: int
    reason: str
    left: int
    at: datetime
    request: RequestKey


@dataclass(kw_only=True, eq=False)
class StockItem(Aggregate):
    """The pieces of one variant. Its version counts what others were told, not the sales."""

    variant_id: str
    product_id: str
    left: int
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self.left_before = self.left

    @property
    def available(self) -> bool:
        """Whether there is anything to sell."""
        return self.left > 0

    @property
    def crossed(self) -> bool:
        """Whether the variant went in or out of stock since this object was built."""
        return (self.left_before > 0) != self.available

    @property
    def delta(self) -> int:
        """By how much ``left`` has changed since this object was built."""
        return self.left - self.left_before

    def has(self, quantity: int) -> bool:
        """Say whether so many pieces can be taken."""
        return quantity <= self.left

    def take(self, quantity: int, at: datetime) -> None:
        """Take pieces for an order.

        Raises:
            OutOfStock: there are fewer.
        """
        if not self.has(quantity):
            raise OutOfStock([self.product_id], [self.variant_id])
        self._set(self.left - quantity, at)

    def give_back(self, quantity: int, at: datetime) -> None:
        """Put the pieces of a cancelled order back, whatever was counted meanwhile."""
        self._set(self.left + quantity, at)

    def adjust(self, delta: int, at: datetime) -> None:
        """Correct the number of pieces after a delivery, a count or a loss.

        Raises:
            StockOutOfRange: the result would be below zero or above MAX_STOCK.
        """
        if not 0 <= self.left + delta <= MAX_STOCK:
            raise StockOutOfRange(f"The stock is {self.left}.")
        self._set(self.left + delta, at)

    def _set(self, left: int, at: datetime) -> None:
        before, self.left = self.left, left
        of = {"product_id": self.product_id, "variant_id": self.variant_id, "at": at}
        if before > 0 and left == 0:
            self.record(StockRanOut.model_validate(of))
        elif before == 0 and left > 0:
            self.record(StockReturned.model_validate({**of, "left": left}))
        elif before > LOW_WATER >= left:
            self.record(StockLow.model_validate({**of, "left": left}))
