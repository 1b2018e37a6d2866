"""Files of products: cut into records with bounds, read by a mapping, checked like any request."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from shop_catalog.api.product_bodies import CategoryName, CreateProduct, Language, Name, Stock
from shop_catalog.domain.categories import DEEPEST
from shop_catalog.domain.imports import ImportedProduct, LineReport, LineStatus
from shop_catalog.domain.products import ProductStatus
from shop_chassis.http import Body, FromText
from shop_chassis.validation import message_of
from shop_events.contracts.amounts import exponent

LONGEST_RECORD = 65_536
"""In bytes; a longer one is refused and skipped."""

_MAPPINGS = Path(__file__).parent / "mappings"
_AMOUNT = re.compile(r"(\d{1,8})(?:\.(\d{1,20}))?")
_TOLD = "An earlier line told of it."
_NO_PRODUCT = "The mapping says that it is no product."
_ABSENT = frozenset({"", "NA", "N/A", "null", "None"})

Column = Annotated[str, Field(min_length=1, max_length=100)]
Columns = Annotated[list[Column], Field(max_length=10)]


_CATEGORY_PATH = TypeAdapter(Annotated[list[CategoryName], Field(max_length=DEEPEST)])


class Format(StrEnum):
    """Forms of a file: a table with a heading, an object a line, or one array of objects."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    JSON = "json"


class ColumnMapping(Body):
    """Which column, or member, of a record says what. What is empty or NA is left out.

    ``category`` names the levels of the tree from the root down; a member may be a list of them.
    ``prices`` are decimals by currency, ``fixed_prices`` minor units for files that have none.
    ``sku_from`` is a column too long for an sku: a digest of it is one. ``skip`` are records that are no
    products, by values, ``skip_prefix`` by how they begin. With ``first_only``, later records of the same sku
    are left alone.
    """

    sku: Column | None = None
    sku_from: Column | None = None
    reference: Column | None = None
    title: Columns = ["title"]
    description: Column | None = None
    category: Columns = []
    prices: Annotated[dict[str, Column], Field(max_length=20)] = {}
    fixed_prices: Annotated[dict[str, Annotated[int, Field(ge=0)]], Field(max_length=20)] = {}
    media: Columns = []
    attributes: Annotated[dict[Name, Column], Field(max_length=50)] = {}
    stock: Column | None = None
    default_stock: Stock = 0
    language: Language = "en"
    status: Annotated[ProductStatus, FromText] = ProductStatus.PUBLISHED
    skip: Annotated[dict[Column, Annotated[list[str], Field(max_length=100)]], Field(max_length=10)] = {}
    skip_prefix: Annotated[dict[Column, str], Field(max_length=10)] = {}
    first_only: bool = False

    def product(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a record as a request body, with ``category`` a list; None where it is no product."""
        if self._skips(record):
            return None
        said: dict[str, Any] = {
            "title": _on_a_line(" ".join(_text(record, name) for name in self.title))[:200],
            "description": (_text(record, self.description) if self.description else "")[:10_000],
            "language": self.language,
            "status": self.status,
            "category": [level for name in self.category for level in _levels(record.get(name))],
            "attributes": {
                name: _plain(record[column])
                for name, column in self.attributes.items()
                if _text(record, column)
            },
            "media": [{"url": url} for url in (_text(record, name) for name in self.media) if url],
        }
        if self.reference:
            said["reference"] = _text(record, self.reference)
        stock = int(_text(record, self.stock) or 0) if self.stock else self.default_stock
        said["variants"] = [{"sku": self._sku(record), "prices": self._prices(record), "stock": stock}]
        return said

    def _skips(self, record: Mapping[str, Any]) -> bool:
        return any(_text(record, name) in values for name, values in self.skip.items()) or any(
            _text(record, name).startswith(prefix) for name, prefix in self.skip_prefix.items()
        )

    def _sku(self, record: Mapping[str, Any]) -> str:
        if self.sku_from:
            return blake2b(_text(record, self.sku_from).encode(), digest_size=10).hexdigest()
        return _text(record, self.sku or "sku")

    def _prices(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        told = {currency: _text(record, name) for currency, name in self.prices.items()}
        prices = {currency: _minor_units(text, currency) for currency, text in told.items() if text}
        return [
            {"amount": amount, "currency": currency}
            for currency, amount in (self.fixed_prices | prices).items()
        ]


class Record(NamedTuple):
    """One record of a file, with the number of the line it begins on; or why it cannot be read."""

    line: int
    said: Any = None
    fault: str | None = None


def known_mappings() -> list[str]:
    """Return the names of the mappings that come with catalog."""
    return sorted(path.stem for path in _MAPPINGS.glob("*.json"))


def mapping_of(text: str) -> ColumnMapping | None:
    """Return a mapping by its name, or one written as JSON; None for an empty text.

    Raises:
        ValueError: there is none of this name, or it is no mapping (also as pydantic's ValidationError).
    """
    if not text:
        return None
    if text.startswith("{"):
        return ColumnMapping.model_validate_json(text)
    if text not in known_mappings():
        raise ValueError(f"There is no mapping {text!r}; there are {', '.join(known_mappings())}.")
    return ColumnMapping.model_validate_json((_MAPPINGS / f"{text}.json").read_bytes())


async def products(
    chunks: AsyncIterator[bytes], form: Format, mapping: ColumnMapping | None
) -> AsyncIterator[ImportedProduct | LineReport]:
    """Yield the products of a file, and a report for each record that is none."""
    seen: set[bytes] = set()
    async for record in _records(chunks, form):
        told = _read(record, mapping)
        if mapping and mapping.first_only and isinstance(told, ImportedProduct):
            name = blake2b(told.name.encode(), digest_size=8).digest()
            if name in seen:
                told = LineReport(told.line, LineStatus.UNCHANGED, told.name, reason=_TOLD)
            seen.add(name)
        yield told


def _read(record: Record, mapping: ColumnMapping | None) -> ImportedProduct | LineReport:
    if record.fault:
        return LineReport(record.line, LineStatus.REJECTED, reason=record.fault)
    if not isinstance(record.said, dict):
        return LineReport(record.line, LineStatus.REJECTED, reason="It is no object.")
    try:
        said = record.said if mapping is None else mapping.product(record.said)
        if said is None:
            return LineReport(record.line, LineStatus.REJECTED, reason=_NO_PRODUCT)
        return _imported(record.line, said)
    except ValidationError as error:
        return LineReport(record.line, LineStatus.REJECTED, reason=_reasons(error))
    except ValueError as error:
        return LineReport(record.line, LineStatus.REJECTED, reason=str(error)[:300])


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


async def _records(chunks: AsyncIterator[bytes], form: Format) -> AsyncIterator[Record]:
    if form is Format.JSON:
        async for record in _elements(chunks):
            yield record
        return
    heading: list[str] | None = None
    async for line in _lines(chunks, quoted=form is Format.CSV):
        if line.fault or not line.said.strip():
            if line.fault:
                yield line
            continue
        if form is Format.JSON_LINES:
            yield _object(line)
            continue
        cells = next(csv.reader([line.said]), [])
        if heading is None:
            heading = [cell.strip().removeprefix("\ufeff") for cell in cells]
        elif len(cells) != len(heading):
            yield Record(line.line, fault=f"It has {len(cells)} cells instead of {len(heading)}.")
        else:
            yield Record(line.line, dict(zip(heading, cells, strict=True)))


def _object(line: Record) -> Record:
    try:
        return Record(line.line, orjson.loads(line.said))
    except orjson.JSONDecodeError:
        return Record(line.line, fault="It is no JSON.")


async def _lines(chunks: AsyncIterator[bytes], *, quoted: bool) -> AsyncIterator[Record]:
    """Yield lines as text; with ``quoted``, those that an open quotation mark goes across are one."""
    cutter = _Cutter(quoted)
    async for chunk in chunks:
        for record in cutter.feed(chunk):
            yield record
    for record in cutter.end():
        yield record


class _Cutter:
    """Cuts bytes into lines, and holds no more than one of them."""

    def __init__(self, quoted: bool) -> None:
        self._quoted = quoted
        self._rest = b""
        self._held = b""
        self._line, self._begun = 1, 1
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[Record]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            yield from self._take(line)
            self._line += 1
        if len(self._rest) > LONGEST_RECORD:
            self._rest, self._skipping = self._rest[:1], True

    def end(self) -> Iterator[Record]:
        yield from self._take(self._rest)
        if self._held:
            yield Record(self._begun, fault="A quotation mark is not closed.")

    def _take(self, line: bytes) -> Iterator[Record]:
        if not self._held:
            self._begun = self._line
        record = self._held + b"\n" + line if self._held else line
        if self._skipping or len(record) > LONGEST_RECORD:
            self._skipping, self._held = False, b""
            yield Record(self._begun, fault=f"It is longer than {LONGEST_RECORD} bytes.")
        elif self._quoted and record.count(b'"') % 2:
            self._held = record
        else:
            self._held = b""
            yield _decoded(self._begun, record)


def _decoded(line: int, record: bytes) -> Record:
    try:
        return Record(line, record.removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        return Record(line, fault="It is not UTF-8.")


async def _elements(chunks: AsyncIterator[bytes]) -> AsyncIterator[Record]:
    """Yield the elements of a JSON array, numbered from 1. Behind a broken one, nothing can be read."""
    decoder, text, number = json.JSONDecoder(), "", 0
    pending = b""
    async for chunk in chunks:
        pending += chunk
        cut = max(pending.rfind(b"}"), pending.rfind(b"]")) + 1
        text, pending = text + pending[:cut].decode(errors="replace"), pending[cut:]
        while text := text.lstrip(" \t\r\n,[\ufeff"):
            if text[0] == "]":
                return
            try:
                value, end = decoder.raw_decode(text)
            except ValueError:
                break
            number, text = number + 1, text[end:]
            yield Record(number, value)
        if len(text) + len(pending) > LONGEST_RECORD + 2 * len(chunk):
            break
    if text.strip(" \t\r\n,]") or pending.strip(b" \t\r\n,]"):
        yield Record(number + 1, fault="It is no JSON, or too long; nothing behind it was read.")


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    text = "" if value is None else str(value).strip()
    return "" if text in _ABSENT else text


def _plain(value: Any) -> Any:
    """Return a value as an attribute: whole numbers as such, anything else as text."""
    if isinstance(value, bool | int):
        return value
    text = str(value).strip()[:500]
    return int(text) if re.fullmatch(r"-?[1-9]\d{0,14}|0", text) else text


def _on_a_line(text: str) -> str:
    return " ".join(text.split())


def _levels(value: Any) -> list[str]:
    levels = value if isinstance(value, list) else [value]
    return [
        text
        for text in (_on_a_line(str(each))[:100] for each in levels if each is not None)
        if text not in _ABSENT
    ]


def _minor_units(text: str, currency: str) -> int:
    """Return a decimal in the currency's minor units.

    Raises:
        ValueError: it is negative, huge, or finer than these.
    """
    amount, places = _AMOUNT.fullmatch(text), exponent(currency)
    fraction = (amount[2] or "").rstrip("0") if amount else ""
    if amount is None or len(fraction) > places:
        raise ValueError(f"{text[:40]!r} is no price in {currency[:40]}.")
    return int(amount[1] + fraction.ljust(places, "0"))


def _reasons(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {message_of(each)}" for each in faults[:3])[:300]
