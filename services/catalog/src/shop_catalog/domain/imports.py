"""What becomes of each line of an import."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum

from shop_catalog.domain.products import ProductDetails, ProductStatus
from shop_catalog.domain.variants import NewVariant


class LineStatus(StrEnum):
    """Whether a line made or changed a product, was known already, or cannot be taken."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedProduct:
    """A product as a line tells of it; the same reference, or else the same first sku, is the same product.

    Args:
        line: number of the (first) line, from 1.
        category: names from the root of the tree down; what is missing there is made.
        category_id: or where it goes, by id.
        status: of a product that is new; one that is there keeps its own, and its stock.
        more_lines: further ones that told of it.
        faults: of those among them that could not be read.
    """

    line: int
    details: ProductDetails
    variants: tuple[NewVariant, ...]
    category: tuple[str, ...] = ()
    category_id: str | None = None
    status: ProductStatus = ProductStatus.PUBLISHED
    more_lines: tuple[int, ...] = ()
    faults: tuple[LineReport, ...] = ()

    def reports(self, outcome: LineReport) -> list[LineReport]:
        """Return the reports of all its lines, in order: the outcome for each that could be read."""
        if not self.more_lines and not self.faults:
            return [outcome]
        told = (replace(outcome, line=line) for line in (self.line, *self.more_lines))
        return sorted((*told, *self.faults), key=lambda report: report.line)

    @property
    def name(self) -> str:
        """What its line is known by."""
        return self.details.reference or self.variants[0].sku


@dataclass(frozen=True, slots=True)
class LineReport:
    """What became of a line. ``reference`` and ``product_id`` are None where they are not known."""

    line: int
    status: LineStatus
    reference: str | None = None
    product_id: str | None = None
    reason: str | None = None


class Tally(Counter[LineStatus]):
    """How many lines came to what."""

    def note(self, reports: list[LineReport]) -> None:
        """Count some more."""
        self.update(report.status for report in reports)
