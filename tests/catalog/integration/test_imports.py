"""Bulk import: a report per line, the same file again changes nothing, a broken line harms no other."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from shop_catalog.api import LARGE_BODIES
from shop_catalog.api.import_lines import products
from shop_catalog.api.import_mapping import known_mappings, mapping_of
from shop_catalog.api.import_records import LONGEST_RECORD, Format
from shop_catalog.api.importing import reported
from shop_catalog.application.imports import Importer
from shop_catalog.domain.access import Operator
from shop_catalog.domain.imports import ImportedProduct, LineReport
from shop_catalog.store.unit_of_work import Transact
from tests.catalog.conftest import Database, Json, Shop, bearer, left, problem, told, variant_of

pytestmark = pytest.mark.integration

MERCHANT = bearer("usr_m:merchant")
EXAMPLES = Path(__file__).parents[3] / "docs" / "imports"
DATA = Path(__file__).parents[4] / "shared" / "data"


def gbp(amount: Any) -> Json:
    return {"amount": amount, "currency": "GBP"}


def line(sku: str, **more: Any) -> Json:
    return {"sku": sku, "title": f"The {sku}", "price": gbp(100), "stock": 2, **more}


def lines(*each: Json) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in each).encode()


async def load(shop: Shop, body: bytes, token: str = "usr_m:merchant", **query: str) -> httpx.Response:
    return await shop.http.post("/v1/products/imports", params=query, content=body, headers=bearer(token))


async def report(shop: Shop, body: bytes, **query: str) -> tuple[list[Json], Json]:
    answer = await load(shop, body, **query)
    assert answer.status_code == 200, answer.text
    *each, summary = [orjson.loads(one) for one in answer.content.splitlines()]
    return each, summary


def statuses(reports: Iterable[Json]) -> list[str]:
    return [each["status"] for each in reports]


async def test_lines_become_products_with_stock_categories_and_events(shop: Shop, db: Database) -> None:
    body = lines(line("a", category=["Home", "Kitchen"]), line("b", category=["Home", "kitchen"]), line("c"))
    reports, summary = await report(shop, body)
    assert statuses(reports) == ["accepted"] * 3
    assert summary == {"done": True, "accepted": 3, "unchanged": 0, "rejected": 0}
    shown = (await shop.show(f"/v1/products/{reports[0]['product_id']}")).json()
    assert [step["name"] for step in shown["category_path"]] == ["Home", "Kitchen"]
    assert await db.categories.count_documents({}) == 2
    assert await left(db, shown) == 2
    assert await told(db, "product") == [("catalog.product.changed.v1", 1)] * 3
    assert (await shop.order((shown, 2))).status_code == 201


async def test_the_same_file_again_changes_nothing(shop: Shop, db: Database) -> None:
    variants = [
        {"sku": f"s-{size}", "options": {"size": size}, "prices": [gbp(5)], "stock": 3} for size in ("S", "L")
    ]
    shirt = {"title": "Shirt", "reference": "erp-7", "variants": variants, "category": ["Clothes"]}
    body = lines(line("a", reference="erp-1", attributes={"brand": "Acme", "new": True}), shirt)
    first, _ = await report(shop, body)
    await shop.order(
        (variant_of((await shop.show(f"/v1/products/{first[1]['product_id']}")).json(), size="S"), 3)
    )
    before = [await db[name].find().to_list() for name in ("products", "stock", "outbox")]
    again, summary = await report(shop, body)
    assert (statuses(again), summary["unchanged"]) == (["unchanged"] * 2, 2)
    assert [each["product_id"] for each in again] == [each["product_id"] for each in first]
    assert [await db[name].find().to_list() for name in ("products", "stock", "outbox")] == before


async def test_a_changed_line_changes_its_product_and_no_stock(shop: Shop, db: Database) -> None:
    await report(shop, lines(line("a", reference="r"), line("b")))
    reports, _ = await report(shop, lines(line("a", reference="r", title="New", stock=50), line("b")))
    assert statuses(reports) == ["accepted", "unchanged"]
    shown = (await shop.show(f"/v1/products/{reports[0]['product_id']}")).json()
    assert (shown["title"], await left(db, shown)) == ("New", 2)
    assert await told(db, "product") == [("catalog.product.changed.v1", version) for version in (1, 1, 2)]


async def test_lines_of_the_same_product_come_one_after_the_other_however_far_apart(
    shop: Shop, db: Database
) -> None:
    others = [line(f"s{number}") for number in range(700)]
    for place, title in ((3, "second"), (280, "third"), (699, "last")):
        others.insert(place, line("a", title=title, reference="r"))
    reports, summary = await report(shop, lines(line("a", reference="r"), *others))
    assert summary["accepted"] == len(reports) == 704
    ours = await db.products.find_one({"reference": "r"})
    assert ours is not None
    assert (ours["title"], ours["version"]) == ("last", 4)
    rows = await db.outbox.find({"key": ours["_id"]}).sort("sequence").to_list()
    assert [orjson.loads(row["value"])["title"] for row in rows] == ["The a", "second", "third", "last"]
    assert await db.stock.count_documents({}) == 701


async def test_products_are_looked_up_by_what_lines_name_without_reading_all_others(
    shop: Shop, db: Database
) -> None:
    await report(shop, lines(*(line(f"s{number}", reference=f"r{number}") for number in range(300))))
    await db.command("profile", 2)
    await report(shop, lines(line("s1", reference="r1"), line("s2")))
    await db.command("profile", 0)
    read = db["system.profile"].find({"ns": f"{db.name}.products", "command.find": "products"})
    assert max([each["docsExamined"] async for each in read]) < 10


BROKEN = {
    "no JSON": b"{",
    "no object": b"[1]",
    "no price": lines({"sku": "x", "title": "x"}),
    "negative": lines(line("x", price=gbp(-1))),
    "huge": lines(line("x", price=gbp(10**30))),
    "fractional": lines(line("x", price=gbp(1.5))),
    "unknown field": lines(line("x", owner="me")),
    "unknown category": lines(line("x", category_id="cat_none")),
    "operator": lines(line("x", attributes={"$set": 1})),
    "not UTF-8": b'{"sku": "\xff"}',
    "too long": b'{"sku": "' + b"x" * LONGEST_RECORD + b'"}',
    "another's sku": lines(line("first", title="Y", reference="other")),
    "mixed currencies": lines(
        {
            "title": "x",
            "variants": [
                {"sku": "x1", "options": {"n": "1"}, "prices": [gbp(1)]},
                {"sku": "x2", "options": {"n": "2"}, "prices": [{"amount": 1, "currency": "EUR"}]},
            ],
        }
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_line_is_rejected_with_its_reason_and_the_others_are_taken(
    shop: Shop, db: Database, broken: bytes
) -> None:
    body = lines(line("first", reference="one")) + broken.rstrip(b"\n") + b"\n" + lines(line("last"))
    reports, summary = await report(shop, body)
    assert statuses(reports) == ["accepted", "rejected", "accepted"]
    assert [each["line"] for each in reports] == [1, 2, 3]
    assert reports[1]["reason"]
    assert (summary["rejected"], await db.products.count_documents({})) == (1, 2)


async def test_only_merchants_import_and_parameters_are_checked(shop: Shop, db: Database) -> None:
    assert problem(await load(shop, lines(line("a")), "usr_1")) == (403, "forbidden")
    assert problem(await load(shop, lines(line("a")), mapping="none")) == (422, "validation")
    assert problem(await load(shop, lines(line("a")), mapping='{"sku": 1}')) == (422, "validation")
    assert problem(await load(shop, lines(line("a")), format="xml")) == (422, "validation")
    assert await db.products.count_documents({}) == 0


async def test_a_table_is_read_by_a_mapping_of_the_users_own(shop: Shop) -> None:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["Nr", "Name", "Group", "Price", "Yen", "Note"])
    table.writerow(["1", 'A "big"\nlamp', "Home", "12.50", "1400", "red"])
    table.writerow(["2", "Cup", "NA", "1.999", "", ""])
    table.writerow(["3", "Pot", "Home", "-4", "", ""])
    table.writerow(["4", "Pan"])
    mapping = {
        "sku": "Nr",
        "title": ["Name"],
        "category": ["Group"],
        "prices": {"GBP": "Price", "JPY": "Yen"},
        "attributes": {"note": "Note"},
        "default_stock": 4,
    }
    query = {"format": "csv", "mapping": orjson.dumps(mapping).decode()}
    reports, _ = await report(shop, text.getvalue().encode(), **query)
    assert statuses(reports) == ["accepted", "rejected", "rejected", "rejected"]
    assert [each["line"] for each in reports] == [2, 4, 5, 6]
    shown = (await shop.show(f"/v1/products/{reports[0]['product_id']}")).json()
    assert (shown["title"], shown["attributes"], shown["category"]) == (
        'A "big" lamp',
        {"note": "red"},
        "Home",
    )
    assert shown["variants"][0]["prices"] == [gbp(1250), {"amount": 1400, "currency": "JPY"}]


async def test_rows_of_a_table_become_variants_and_the_same_table_again_changes_nothing(
    shop: Shop, db: Database
) -> None:
    table = (EXAMPLES / "products.csv").read_bytes().splitlines(keepends=True)
    table.insert(3, table[2].replace(b"39.00", b"-1"))
    reports, summary = await report(shop, b"".join(table), format="csv")
    assert statuses(reports) == ["accepted", "accepted", "rejected", "accepted", "accepted", "accepted"]
    assert [each["line"] for each in reports] == [2, 3, 4, 5, 6, 7]
    assert (summary["accepted"], len({each["product_id"] for each in reports[:4]} - {None})) == (5, 1)
    german = {"Accept-Language": "de"}
    shirt = (await shop.http.get(f"/v1/products/{reports[0]['product_id']}", headers=german)).json()
    assert (shirt["title"], len(shirt["variants"]), len(shirt["media"])) == ("Leinenhemd", 3, 3)
    assert await db.stock.count_documents({}) == 4
    again, _ = await report(shop, b"".join(table), format="csv")
    assert set(statuses(again)) == {"unchanged", "rejected"}


async def test_an_import_that_broke_off_is_run_again(db: Database, transact: Transact) -> None:
    body = lines(*(line(f"s{number}", reference=f"r{number}") for number in range(900)))

    async def run(until: int) -> list[LineReport]:
        told = products(chunked(body, 10_000), Format.JSON_LINES, None)
        done: list[LineReport] = []
        async with aclosing(reported(Importer(transact, Operator()), told, 300)) as batches:
            async for batch in batches:
                done += batch
                if len(done) >= until:
                    break
        return done

    first = await run(300)
    again = await run(900)
    assert statuses({"status": each.status} for each in again[:300]) == ["unchanged"] * 300
    assert [each.product_id for each in again[:300]] == [each.product_id for each in first]
    for name in ("products", "stock", "outbox"):
        assert await db[name].count_documents({}) == 900


async def test_two_imports_of_the_same_file_at_once_make_each_product_once(shop: Shop, db: Database) -> None:
    body = lines(*(line(f"s{number}", category=["Home"]) for number in range(40)))
    await asyncio.gather(*(report(shop, body) for _ in range(2)))
    assert await db.products.count_documents({}) == 40
    assert await db.stock.count_documents({}) == 40
    assert await db.categories.count_documents({}) == 1
    assert len(await told(db, "product")) == 40


def test_a_file_may_be_larger_than_other_bodies() -> None:
    assert LARGE_BODIES["/v1/products/imports"] > 10**8


async def chunked(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(data: bytes, form: Format, size: int) -> list[ImportedProduct | LineReport]:
    return [each async for each in products(chunked(data, size), form, None)]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_how_a_file_is_cut_on_its_way_does_not_matter(size: int) -> None:
    many = [line(f"s{number}", description="}],[{ é \n\r\n") for number in range(20)]
    for form, data in ((Format.JSON, orjson.dumps(many)), (Format.JSON_LINES, lines(*many))):
        found = await read(data, form, size)
        assert [each.name for each in found if isinstance(each, ImportedProduct)] == [
            f"s{number}" for number in range(20)
        ]


async def test_an_array_that_breaks_off_says_so() -> None:
    *_, last = await read(orjson.dumps([line("a"), line("b")])[:-20], Format.JSON, 16)
    assert isinstance(last, LineReport)
    assert last.line == 2


@pytest.mark.parametrize("name", known_mappings())
async def test_every_mapping_that_comes_with_catalog_can_be_read(name: str) -> None:
    assert mapping_of(name) is not None


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
async def test_the_lego_sets_are_imported_and_nothing_changes_the_second_time(
    shop: Shop, db: Database
) -> None:
    head = b"".join((DATA / "lego_sets.csv").read_bytes().splitlines(keepends=True)[:400])
    query = {"format": "csv", "mapping": "lego_sets"}
    _, summary = await report(shop, head, **query)
    assert summary["accepted"] > 300
    _, again = await report(shop, head, **query)
    assert (again["accepted"], again["rejected"]) == (0, summary["rejected"])
    assert await db.products.count_documents({}) == summary["accepted"]
