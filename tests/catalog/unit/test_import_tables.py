"""Tables of products: what the heading or a mapping says, and rows gathered into products with variants."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shop_catalog.api.import_lines import MOST_ROWS, Told, products
from shop_catalog.api.import_mapping import ColumnMapping, mapping_of
from shop_catalog.api.import_records import Format
from shop_catalog.domain.imports import ImportedProduct, LineReport
from shop_catalog.domain.products import ProductStatus

EXAMPLES = Path(__file__).parents[3] / "docs" / "imports"


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100):
        yield data[start : start + 100]


def read(data: bytes, form: Format = Format.CSV, mapping: ColumnMapping | None = None) -> list[Told]:
    async def every() -> list[Told]:
        return [each async for each in products(_chunks(data), form, mapping)]

    return asyncio.run(every())


def table(heading: str, *rows: str) -> bytes:
    return "\n".join([heading, *rows]).encode()


def product(told: Told) -> ImportedProduct:
    assert isinstance(told, ImportedProduct), told
    return told


def options(told: Told) -> list[Any]:
    return [dict(variant.options) for variant in product(told).variants]


def test_the_example_table_says_the_same_as_the_example_in_json() -> None:
    ours = [product(each) for each in read((EXAMPLES / "products.csv").read_bytes())]
    theirs = read((EXAMPLES / "products.jsonl").read_bytes(), Format.JSON_LINES)
    assert [replace(each, line=1, more_lines=()) for each in ours] == [
        replace(product(each), line=1) for each in theirs
    ]
    assert [(each.line, each.more_lines) for each in ours] == [(2, (3, 4, 5)), (6, ())]


def test_a_table_from_elsewhere_is_read_by_the_mapping_that_comes_along() -> None:
    tote, box = read((EXAMPLES / "shopify.csv").read_bytes(), mapping=mapping_of("shopify"))
    assert options(tote) == [
        {"Colour": "Natural", "Size": "Small"},
        {"Colour": "Natural", "Size": "Large"},
        {"Colour": "Black", "Size": "Large"},
    ]
    assert [each.url[-10:] for each in product(tote).details.media] == [
        f"tote-{number}.jpg" for number in (1, 2, 3)
    ]
    assert [each.alt for each in product(tote).details.media] == ["A tote", "Its handle", "On a shoulder"]
    assert [variant.weight_grams for variant in product(tote).variants] == [210, 260, 260]
    assert (options(box), product(box).status) == ([{}], ProductStatus.DRAFT)


HEADING = "reference,title,sku,options.Size,prices.GBP,stock"


def test_a_row_that_cannot_be_read_leaves_the_others_of_its_product_alone() -> None:
    shirt, cap = read(
        table(HEADING, "a,A,a-s,S,x,1", "a,,a-m,M,2.50,1", "a,,a-l,L", "a,,a-x,X,3,1.5", "b,B,b-s,S,2,1")
    )
    assert (product(shirt).line, product(shirt).more_lines) == (3, ())
    assert product(shirt).details.title == "A"
    reports = product(shirt).reports(LineReport(3, "accepted", "a"))  # type: ignore[arg-type]
    assert [(each.line, each.status, bool(each.reason)) for each in reports] == [
        (2, "rejected", True),
        (3, "accepted", False),
        (4, "rejected", True),
        (5, "rejected", True),
    ]
    assert product(cap).line == 6


def test_each_row_of_a_product_that_cannot_be_is_told_why() -> None:
    told = read(table(HEADING, "a,,a-s,S,1,1", "a,A,a-m,M,2,1", "b,B,,,,", "c,C,c-s,S,1,1"))
    assert [(each.line, type(each)) for each in told] == [
        (2, LineReport),
        (3, LineReport),
        (4, LineReport),
        (5, ImportedProduct),
    ]


def test_rows_without_a_reference_are_products_of_their_own() -> None:
    told = read(table(HEADING, ",A,a,S,1,1", ",B,b,M,2,1"))
    assert [product(each).name for each in told] == ["a", "b"]


def test_no_more_rows_than_there_may_be_are_held_at_once() -> None:
    row = "a,A,,,,"
    told = read(table(HEADING, "a,A,a-s,S,1,1", *[row] * MOST_ROWS, "a,A,a-m,M,1,1", *["broken"] * 300))
    assert [len(product(each).more_lines) for each in told[:2] if isinstance(each, ImportedProduct)] == [
        MOST_ROWS - 1,
        1,
    ]
    assert all(len(product(each).faults) <= MOST_ROWS for each in told if isinstance(each, ImportedProduct))
    lines = [line for each in told for line in numbers(each)]
    assert lines == list(range(2, MOST_ROWS + 304))


def numbers(told: Told) -> list[int]:
    if isinstance(told, LineReport):
        return [told.line]
    return [each.line for each in told.reports(LineReport(told.line, "accepted"))]  # type: ignore[arg-type]


@pytest.mark.parametrize("column", ["colour", "prices", "translations.de", "variants.x.y", "options."])
def test_a_heading_that_means_nothing_is_refused_and_nothing_is_read(column: str) -> None:
    (told,) = read(table(f"sku,title,{column}", "a,A,x", "b,B,y"))
    assert isinstance(told, LineReport)
    assert column in str(told.reason)


def test_cells_may_have_several_lines_and_levels() -> None:
    text = io.StringIO()
    csv.writer(text).writerows(
        [
            ["sku", "title", "category", "media", "media.alt", "prices.JPY", "attributes.Year"],
            ["a", "A", "Home > Kitchen >", "https://i.example/1\nhttps://i.example/2", "one", "500", "2015"],
        ]
    )
    (told,) = read(text.getvalue().encode())
    assert product(told).category == ("Home", "Kitchen")
    assert [(each.url[-1], each.alt) for each in product(told).details.media] == [("1", "one"), ("2", "")]
    assert product(told).details.attributes == {"Year": 2015}
    assert product(told).variants[0].prices[0].amount == 500
