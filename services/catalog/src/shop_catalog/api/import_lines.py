"""Products out of the records of a file: read by a mapping, gathered from rows, checked like any request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from shop_catalog.api.import_mapping import ColumnMapping, Said, mapping_of_heading
from shop_catalog.api.import_records import Format, Record, records
from shop_catalog.api.product_bodies import CategoryName, CreateProduct, CreateVariant
from shop_catalog.domain.categories import DEEPEST
from shop_catalog.domain.imports import ImportedProduct, LineReport, LineStatus
from shop_chassis.validation import message_of

MOST_ROWS = 200
"""So many rows are gathered into a product; those behind them are a further line about the same one."""

_TOLD = "An earlier line told of it."
_NO_PRODUCT = "The mapping says that it is no product."
_NO_VARIANT = "None of the rows of this product is one of a variant."
_CATEGORY_PATH = TypeAdapter(Annotated[list[CategoryName], Field(max_length=DEEPEST)])

Told = ImportedProduct | LineReport


async def products(
    chunks: AsyncIterator[bytes], form: Format, mapping: ColumnMapping | None
) -> AsyncIterator[Told]:
    """Yield the products of a file, and a report for each record that is none.

    A table without a mapping is read as its heading says; of one whose heading says nothing, no more is read.
    """
    seen: set[bytes] = set()
    async for told in _told(records(chunks, form), form, mapping):
        if mapping and mapping.first_only and isinstance(told, ImportedProduct):
            name = blake2b(told.name.encode(), digest_size=8).digest()
            if name in seen:
                for report in told.reports(
                    LineReport(told.line, LineStatus.UNCHANGED, told.name, None, _TOLD)
                ):
                    yield report
                continue
            seen.add(name)
        yield told


async def _told(
    found: AsyncIterator[Record], form: Format, mapping: ColumnMapping | None
) -> AsyncIterator[Told]:
    rows: _Rows | None = None
    async for record in found:
        if mapping is None and form is Format.CSV and record.fault is None:
            try:
                mapping = mapping_of_heading(record.said)
            except ValueError as error:
                yield LineReport(1, LineStatus.REJECTED, reason=_reason(error))
                return
        if mapping is None or not mapping.gathers:
            yield _read(record, mapping)
        elif rows is None or not rows.took(record):
            for told in rows.told() if rows else ():
                yield told
            rows = _Rows(mapping, record)
    for told in rows.told() if rows else ():
        yield told


class _Rows:
    """The rows of one product as they follow one another: the first says what it is, each has a variant.

    One that cannot be read is left out, and the others are taken; one without a variant has further pictures.
    """

    def __init__(self, mapping: ColumnMapping, first: Record) -> None:
        self._mapping = mapping
        self._reference = self._reference_of(first)
        self._first: Said | None = None
        self._lines: list[int] = []
        self._variants: list[Said] = []
        self._media: dict[str, dict[str, str]] = {}
        self._faults: list[LineReport] = []
        self._take(first)

    def took(self, record: Record) -> bool:
        """Take a further row if it is one of this product, or cannot be read."""
        is_ours = record.fault or (self._reference and self._reference_of(record) == self._reference)
        if not is_ours or len(self._lines) + len(self._faults) >= MOST_ROWS:
            return False
        self._take(record)
        return True

    def told(self) -> list[Told]:
        """Return the product, or why each of its rows is none."""
        if self._first is None or not self._lines:
            return [*self._faults]
        try:
            if not self._variants:
                raise ValueError(_NO_VARIANT)
            said = {**self._mapping.product(self._first), "media": [*self._media.values()]}
            product = _imported(self._lines[0], {**said, "variants": self._variants})
        except ValueError as error:
            rejected = (self._rejected(line, _reason(error)) for line in self._lines)
            return sorted((*rejected, *self._faults), key=lambda report: report.line)
        return [replace(product, more_lines=tuple(self._lines[1:]), faults=tuple(self._faults))]

    def _take(self, record: Record) -> None:
        try:
            said = _readable(record, self._mapping)
            self._first = self._first or said
            if self._mapping.tells_of_a_variant(said):
                variant = self._mapping.variant(said, self._first)
                CreateVariant.model_validate(variant)
                self._variants.append(variant)
            for picture in self._mapping.pictures(said):
                self._media.setdefault(picture["url"], picture)
            self._lines.append(record.line)
        except ValueError as error:
            self._faults.append(self._rejected(record.line, _reason(error)))

    def _reference_of(self, record: Record) -> str:
        return self._mapping.reference_of(record.said) if isinstance(record.said, dict) else ""

    def _rejected(self, line: int, reason: str) -> LineReport:
        return LineReport(line, LineStatus.REJECTED, self._reference or None, reason=reason)


def _read(record: Record, mapping: ColumnMapping | None) -> Told:
    try:
        said = _readable(record, mapping)
        if mapping is not None:
            said = {**mapping.product(said), "variants": [mapping.variant(said, said)]}
        return _imported(record.line, said)
    except ValueError as error:
        return LineReport(record.line, LineStatus.REJECTED, reason=_reason(error))


def _readable(record: Record, mapping: ColumnMapping | None) -> Said:
    """Return what a record says.

    Raises:
        ValueError: it cannot be read, or is no product.
    """
    if record.fault:
        raise ValueError(record.fault)
    if not isinstance(record.said, dict):
        raise ValueError("It is no object.")
    if mapping is not None and mapping.skips(record.said):
        raise ValueError(_NO_PRODUCT)
    return record.said


def _imported(line: int, said: dict[str, Any]) -> ImportedProduct:
    """Return what a record says; its category may be a name, or a list of names from the root down."""
    category = said.pop("category", None) or []
    names = _CATEGORY_PATH.validate_python([category] if isinstance(category, str) else category)
    new = CreateProduct.model_validate(said).new()
    return ImportedProduct(
        line=line,
        details=new.details,
        variants=new.variants,
        category=tuple(names),
        category_id=new.category_id,
        status=new.status,
    )


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)[:300]
    faults = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {message_of(each)}" for each in faults[:3])[:300]
