"""Which column of a table says what of a product: as the heading says, or a mapping that is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from shop_catalog.api.product_bodies import Language, Name, Stock
from shop_catalog.domain.products import ProductStatus
from shop_chassis.http import Body, FromText
from shop_events.contracts.amounts import exponent

_MAPPINGS = Path(__file__).parent / "mappings"
_AMOUNT = re.compile(r"(\d{1,8})(?:\.(\d{1,20}))?")
_ABSENT = frozenset({"", "NA", "N/A", "null", "None"})
_BETWEEN_PICTURES = re.compile(r"[\s|]+")
_STATUSES = {"active": ProductStatus.PUBLISHED.value}

Column = Annotated[str, Field(min_length=1, max_length=100)]
Columns = Annotated[list[Column], Field(max_length=10)]
Attributes = Annotated[dict[Name, Column], Field(max_length=50)]

Said = dict[str, Any]


class TextColumns(Body):
    """Where a product's title and description in one more language are."""

    title: Columns
    description: Column | None = None


class OptionColumns(Body):
    """Where the name and the value of an option are; what has a name says it in its first row alone."""

    name: Column
    value: Column


class ColumnMapping(Body):
    """Which column, or member, of a record says what. What is empty or NA is left out.

    ``category`` names the levels of the tree from the root down; a member may be a list of them, and with
    ``category_separator`` a text has several. ``prices`` are decimals by currency, ``fixed_prices`` minor
    units for files that have none. ``sku_from`` is a column too long for an sku: a digest of it is one.
    ``options`` are of the variant that a row is; with ``named_options``, the file names them as well, and
    ``no_option`` are values that mean none. A cell of ``media`` may have several URLs with spaces or ``|``
    between them, and the one of ``media_alts`` in the same place as many texts with ``|`` between them.
    ``status_in`` and ``language_in`` are columns that say what ``status`` and ``language`` say for all.
    ``skip`` are records that are no products, by values, ``skip_prefix`` by how they begin. With
    ``first_only``, later records of the same sku are left alone.
    """

    sku: Column | None = None
    sku_from: Column | None = None
    reference: Column | None = None
    title: Columns = ["title"]
    description: Column | None = None
    translations: Annotated[dict[Language, TextColumns], Field(max_length=10)] = {}
    category: Columns = []
    category_separator: Annotated[str, Field(max_length=10)] = ""
    prices: Annotated[dict[str, Column], Field(max_length=20)] = {}
    fixed_prices: Annotated[dict[str, Annotated[int, Field(ge=0)]], Field(max_length=20)] = {}
    media: Columns = []
    media_alts: Columns = []
    attributes: Attributes = {}
    options: Annotated[dict[Name, Column], Field(max_length=10)] = {}
    named_options: Annotated[list[OptionColumns], Field(max_length=10)] = []
    no_option: Annotated[list[str], Field(max_length=10)] = []
    variant_attributes: Attributes = {}
    variant_media: Columns = []
    weight_grams: Column | None = None
    stock: Column | None = None
    default_stock: Stock = 0
    language: Language = "en"
    language_in: Column | None = None
    status: Annotated[ProductStatus, FromText] = ProductStatus.PUBLISHED
    status_in: Column | None = None
    skip: Annotated[dict[Column, Annotated[list[str], Field(max_length=100)]], Field(max_length=10)] = {}
    skip_prefix: Annotated[dict[Column, str], Field(max_length=10)] = {}
    first_only: bool = False

    @property
    def gathers(self) -> bool:
        """Whether rows that follow one another under the same reference are variants of one product."""
        return self.reference is not None and bool(self.options or self.named_options)

    def skips(self, record: Mapping[str, Any]) -> bool:
        """Say whether a record is no product."""
        return any(_text(record, name) in values for name, values in self.skip.items()) or any(
            _text(record, name).startswith(prefix) for name, prefix in self.skip_prefix.items()
        )

    def product(self, record: Mapping[str, Any]) -> Said:
        """Return what a record says of its product, as a request body has it, with ``category`` a list.

        Raises:
            ValueError: a status is none.
        """
        said: Said = {
            "title": _title(record, self.title),
            "description": _description(record, self.description),
            "language": _text(record, self.language_in) or self.language,
            "translations": self._translations(record),
            "status": self._status(record),
            "category": [level for name in self.category for level in self._levels(record.get(name))],
            "attributes": _attributes(record, self.attributes),
            "media": self.pictures(record),
        }
        return {**said, "reference": _text(record, self.reference) or None}

    def variant(self, record: Mapping[str, Any], first: Mapping[str, Any]) -> Said:
        """Return what a record says of a variant, as a request body has it.

        Args:
            record: the variant's own.
            first: the first one of the same product, which names the options.

        Raises:
            ValueError: a price or a number is none.
        """
        return {
            "sku": self._sku(record),
            "prices": self._prices(record),
            "options": self._options(record, first),
            "attributes": _attributes(record, self.variant_attributes),
            "media": _pictures(record, self.variant_media, ()),
            "weight_grams": _whole(record, self.weight_grams),
            "stock": (_whole(record, self.stock) or 0) if self.stock else self.default_stock,
        }

    def tells_of_a_variant(self, record: Mapping[str, Any]) -> bool:
        """Say whether a record is more than further pictures of its product."""
        options = (*self.options.values(), *(each.value for each in self.named_options))
        return any(_text(record, name) for name in (self.sku, self.sku_from, *self.prices.values(), *options))

    def pictures(self, record: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the pictures of a record's product."""
        return _pictures(record, self.media, self.media_alts)

    def reference_of(self, record: Mapping[str, Any]) -> str:
        """Return what a record's product is known by; empty if nothing."""
        return _text(record, self.reference)

    def _options(self, record: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, str]:
        told = {name: _text(record, column) for name, column in self.options.items()}
        for each in self.named_options:
            told[_text(record, each.name) or _text(first, each.name)] = _text(record, each.value)
        return {name: value for name, value in told.items() if value and value not in self.no_option}

    def _translations(self, record: Mapping[str, Any]) -> dict[str, Said]:
        told = {
            tag: {"title": _title(record, each.title), "description": _description(record, each.description)}
            for tag, each in self.translations.items()
        }
        return {language: text for language, text in told.items() if any(text.values())}

    def _status(self, record: Mapping[str, Any]) -> str:
        told = _text(record, self.status_in).lower()
        return _STATUSES.get(told, told) or self.status

    def _levels(self, value: Any) -> list[str]:
        if self.category_separator and isinstance(value, str):
            value = value.split(self.category_separator)
        return _levels(value)

    def _sku(self, record: Mapping[str, Any]) -> str:
        if self.sku_from:
            return blake2b(_text(record, self.sku_from).encode(), digest_size=10).hexdigest()
        return _text(record, self.sku or "sku")

    def _prices(self, record: Mapping[str, Any]) -> list[Said]:
        told = {currency: _text(record, name) for currency, name in self.prices.items()}
        prices = {currency: _minor_units(text, currency) for currency, text in told.items() if text}
        return [
            {"amount": amount, "currency": currency}
            for currency, amount in (self.fixed_prices | prices).items()
        ]


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


_OF_THEIR_OWN = ("sku", "reference", "description", "weight_grams", "stock")
_LISTED = {"title": "title", "category": "category", "media": "media", "media.alt": "media_alts"}
_OF_VARIANTS = {"variants.media": "variant_media"}
_IN_A_COLUMN = {"status": "status_in", "language": "language_in"}
_NAMED = {
    "prices": "prices",
    "options": "options",
    "attributes": "attributes",
    "variants.attributes": "variant_attributes",
}


def mapping_of_heading(heading: Iterable[str]) -> ColumnMapping:
    """Return the mapping of a table whose heading names its columns as product bodies name their members.

    ``prices.EUR``, ``options.Size``, ``attributes.brand``, ``translations.de.title``,
    ``variants.attributes.fit`` and ``variants.media`` are what is further in.

    Raises:
        ValueError: a column means nothing (also as pydantic's ValidationError).
    """
    said: Said = {"category_separator": ">"}
    for column in heading:
        outer, _, name = column.rpartition(".")
        if column in _OF_THEIR_OWN:
            said[column] = column
        elif member := (_LISTED | _OF_VARIANTS).get(column):
            said[member] = [column]
        elif member := _IN_A_COLUMN.get(column):
            said[member] = column
        elif name and (member := _NAMED.get(outer)):
            said.setdefault(member, {})[name] = column
        elif translated := re.fullmatch(r"translations\.([^.]+)\.(title|description)", column):
            language, part = translated.groups()
            texts = said.setdefault("translations", {}).setdefault(language, {"title": []})
            texts[part] = [column] if part == "title" else column
        else:
            raise ValueError(f"The heading has a column {column[:100]!r} that means nothing here.")
    return ColumnMapping.model_validate(said)


def _title(record: Mapping[str, Any], columns: Iterable[str]) -> str:
    return _on_a_line(" ".join(_text(record, name) for name in columns))[:200]


def _description(record: Mapping[str, Any], column: str | None) -> str:
    return _text(record, column)[:10_000]


def _attributes(record: Mapping[str, Any], columns: Mapping[str, str]) -> Said:
    return {name: _plain(record[column]) for name, column in columns.items() if _text(record, column)}


def _pictures(record: Mapping[str, Any], columns: Iterable[str], alts: Iterable[str]) -> list[dict[str, str]]:
    return [
        {"url": url, "alt": (alt or "").strip()}
        for column, words in zip_longest(columns, alts)
        for url, alt in _with_words(_text(record, column), _text(record, words))
    ]


def _with_words(urls: str, words: str) -> Iterator[tuple[str, str]]:
    found = [url for url in _BETWEEN_PICTURES.split(urls) if url]
    told = words.split("|") if len(found) > 1 else [words]
    yield from zip(found, [*told, *[""] * len(found)], strict=False)


def _whole(record: Mapping[str, Any], column: str | None) -> int | None:
    """Return a whole number, None where there is none.

    Raises:
        ValueError: it is something else.
    """
    text = _text(record, column)
    if not re.fullmatch(r"(-?\d{1,15}(\.0+)?)?", text):
        raise ValueError(f"{text[:40]!r} is no whole number.")
    return int(text.partition(".")[0]) if text else None


def _text(record: Mapping[str, Any], name: str | None) -> str:
    value = record.get(name) if name else None
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
