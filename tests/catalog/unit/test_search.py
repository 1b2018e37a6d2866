"""What is found by which words, in which order, and what others hear of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shop_catalog.adapters.search_folder import claimed_folder
from shop_catalog.adapters.search_index import SearchIndex
from shop_catalog.domain.errors import EmptySearch, NotAResult
from shop_catalog.domain.lists import Filters, PriceRange
from shop_catalog.domain.search import (
    Described,
    Findings,
    Form,
    Place,
    Question,
    Search,
    Searchable,
    weight,
)
from shop_events.contracts.catalog_searches import ProductsSearched, SearchResultChosen

NOW = datetime(2026, 1, 2, tzinfo=UTC)
Index = Callable[..., SearchIndex]


def product(product_id: str, title: str, text: str = "", language: str = "en", **more: Any) -> Searchable:
    said: dict[str, Any] = {"forms": [Form(prices={"GBP": [1000]})], **more}
    return Searchable(product_id=product_id, descriptions=[Described(language, title, text)], **said)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = SearchIndex(tmp_path / "index")

    def filled(*products: Searchable) -> SearchIndex:
        made.put(products)
        made.commit()
        return made

    return filled


def ids(index: SearchIndex, text: str, **more: Any) -> list[str]:
    return list(index.find(Question(text=text, **more)).product_ids)


SHOP = (
    product("lantern", "Red metal lantern", "For the garden"),
    product("mug", "Mug with a red heart"),
    product("cafe", "Café table, walnut", skus=["AB-12", "ab-13"]),
    product("lamp", "Stehlampe für Räume", "Leuchtet", language="de"),
)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lantern", "lantern"),
        ("LANTERNS", "lantern"),
        ("lantren", "lantern"),
        ("lantrn garden", "lantern"),
        ("lante", "lantern"),
        ("red heart", "mug"),
        ("a mug for the heart", "mug"),
        ("cafe", "cafe"),
        ("walnt table", "cafe"),
        ("AB-12", "cafe"),
        ("ab-13", "cafe"),
        ("stehlampen", "lamp"),
        ("raum", "lamp"),
    ],
)
def test_a_product_is_found_as_people_type_it(index: Index, typed: str, found: str) -> None:
    assert ids(index(*SHOP), typed) == [found]


def test_a_word_that_is_also_a_code_does_not_hide_what_has_the_other_words(index: Index) -> None:
    shop = index(
        product("walker", "Baby walker", skus=["2010"]),
        product("ship", "Star ship", keywords=["2010"]),
        product("old", "Star ship", keywords=["1999"]),
    )
    assert ids(shop, "2010") == ["walker", "ship"]
    assert ids(shop, "star ship 2010") == ["ship"]
    assert ids(shop, "star ship 2011") == ["ship", "old"]


def test_where_no_product_has_all_words_those_with_some_are_found(index: Index) -> None:
    found = index(*SHOP).find(Question(text="lantern spaceship"))
    assert (found.product_ids, found.match) == (["lantern"], "some")
    assert index(*SHOP).find(Question(text="qqqqqqqq")).match == "none"


@pytest.mark.parametrize(
    "typed",
    ["title:x OR *", "+(", '"', "\\", "a AND NOT b", "p.GBP:[0 TO *]", "x" * 39, "é" * 19],
)
def test_nothing_that_is_typed_is_taken_for_a_command(index: Index, typed: str) -> None:
    try:
        assert ids(index(*SHOP), typed) == []
    except EmptySearch:
        assert not any(character.isalnum() for character in typed)


@pytest.mark.parametrize("typed", ["!!!", " ", "-- , --", "x" * 200])
def test_a_question_without_a_word_is_none(index: Index, typed: str) -> None:
    with pytest.raises(EmptySearch):
        index(*SHOP).find(Question(text=typed))


def test_titles_count_more_than_texts_and_what_is_wanted_more_than_what_is_not(index: Index) -> None:
    made = index(
        product("text", "Something", "a lantern"),
        product("title", "Lantern"),
        product("wanted", "Lantern", weight=weight(50, 1, available=True)),
    )
    assert ids(made, "lantern") == ["wanted", "title", "text"]


def test_being_wanted_is_worth_at_most_some_of_the_relevance() -> None:
    assert weight(0, 1, available=False) == 1
    assert weight(0, 0, available=True) < weight(1, 1, available=True) < weight(1, 3, available=True)
    assert weight(100, 9, available=True) < 3
    assert weight(-5, -5, available=False) == 1


def form(*options: str, available: bool = True, currency: str = "GBP", price: int = 500) -> Form:
    return Form(options=options, prices={currency: [price]}, available=available)


LARGE, SMALL = form("size=L", available=False), form("size=S")
ACME: dict[str, Any] = {"attributes": ["brand=Acme"]}
SHIRTS = (
    product("one", "Shirt", categories=["cat_1=Clothes", "cat_2=Shirts"], forms=[LARGE, SMALL], **ACME),
    product("two", "Shirt", categories=["cat_1=Clothes"], attributes=["brand=Best"], forms=[form(price=900)]),
    product(
        "gone", "Shirt", categories=["cat_1=Clothes"], forms=[replace(SMALL, available=False), LARGE], **ACME
    ),
    product(
        "euro", "Shirt", forms=[form(currency="EUR", price=700), form(currency="EUR", price=4000)], **ACME
    ),
)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), {"one", "two", "gone", "euro"}),
        (Filters(category_id="cat_2"), {"one"}),
        (Filters(in_stock=True), {"one", "two", "euro"}),
        (Filters(attributes={"brand": ("Acme",)}), {"one", "gone", "euro"}),
        (Filters(attributes={"brand": ("Acme", "Best")}), {"one", "two", "gone", "euro"}),
        (Filters(options={"size": ("L",)}), {"one", "gone"}),
        (Filters(options={"size": ("L",)}, in_stock=True), set()),
        (Filters(currency="EUR"), {"one", "two", "gone", "euro"}),
        (Filters(currency="EUR", price=PriceRange(3000, None)), {"euro"}),
        (Filters(currency="GBP", price=PriceRange(None, 899)), {"one", "gone"}),
        (Filters(currency="GBP", price=PriceRange(None, 899), in_stock=True), {"one"}),
        (Filters(currency="GBP", price=PriceRange(900, 900)), {"two"}),
        (Filters(attributes={"brand": ('x" OR *',)}), set()),
    ],
)
def test_results_are_narrowed_down(index: Index, filters: Filters, found: set[str]) -> None:
    answer = index(*SHIRTS).find(Question(text="shirt", filters=filters))
    assert set(answer.product_ids) == found
    assert answer.total == len(found)


def test_results_are_narrowed_down_to_what_buyers_think_well_of(index: Index) -> None:
    made = index(
        product("loved", "Shirt", rating=4.2),
        product("liked", "Shirt", rating=4.0),
        product("hated", "Shirt", rating=1.9),
        product("new", "Shirt"),
    )
    for least, expected in ((None, {"loved", "liked", "hated", "new"}), (4, {"loved", "liked"}), (5, set())):
        found = made.find(Question(text="shirt", filters=Filters(rating=least)))
        assert set(found.product_ids) == expected
        assert found.facets.ratings == [(4, 2), (3, 2), (2, 2), (1, 3)]


def test_each_count_says_what_choosing_it_would_show(index: Index) -> None:
    made = index(*SHIRTS)
    filters = Filters(attributes={"brand": ("Acme",)}, in_stock=True)
    facets = made.find(Question(text="shirt", filters=filters)).facets
    for bucket in facets.attributes["brand"]:
        chosen = replace(filters, attributes={"brand": (bucket.value,)})
        assert len(ids(made, "shirt", filters=chosen)) == bucket.products
    for bucket in facets.categories:
        assert len(ids(made, "shirt", filters=replace(filters, category_id=bucket.value))) == bucket.products
    for bucket in facets.options["size"]:
        chosen = replace(filters, options={"size": (bucket.value,)})
        assert len(ids(made, "shirt", filters=chosen)) == bucket.products
    assert {each.value for each in facets.attributes["brand"]} == {"Acme", "Best"}
    assert facets.in_stock == 2


SHIRT = product(
    "shirt",
    "Shirt",
    forms=[
        form("colour=red", "size=S", "cut=wide", price=500),
        form("size=L", "colour=blue", "cut=wide", price=900),
        form("colour=red", "size=L", "cut=slim", price=700, available=False),
    ],
)
HAT = product("hat", "Shirt hat", forms=[form("colour=blue", "size=S", price=300)])


def chosen(price: PriceRange = PriceRange(), *, in_stock: bool = False, **options: str) -> Filters:  # noqa: B008
    said = {name: tuple(values.split()) for name, values in options.items()}
    return Filters(options=said, price=price, currency="GBP", in_stock=in_stock)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (chosen(colour="red", size="L"), {"shirt"}),
        (chosen(colour="red", size="L", in_stock=True), set()),
        (chosen(colour="blue", size="S"), {"hat"}),
        (chosen(colour="blue", size="S L"), {"hat", "shirt"}),
        (chosen(PriceRange(700, 800), colour="red"), {"shirt"}),
        (chosen(PriceRange(700, 800), colour="red", in_stock=True), set()),
        (chosen(PriceRange(900, None), colour="red"), set()),
        (chosen(PriceRange(None, 300), colour="blue"), {"hat"}),
        (chosen(PriceRange(501, 699)), set()),
        (chosen(PriceRange(600, 800), in_stock=True), set()),
        (chosen(colour="red", cut="slim", size="S"), set()),
    ],
)
def test_all_that_is_asked_of_a_variant_holds_of_one_and_of_each_count(
    index: Index, filters: Filters, found: set[str]
) -> None:
    made = index(SHIRT, HAT)
    answer = made.find(Question(text="shirt", filters=filters))
    assert (set(answer.product_ids), answer.total) == (found, len(found))
    for name in ("colour", "size", "cut"):
        own = filters.without_option(name)
        for value in ("red", "blue", "S", "L", "wide", "slim"):
            one = replace(own, options={**own.options, name: (value,)})
            counted = [each.products for each in answer.facets.options.get(name, []) if each.value == value]
            assert counted in ([len(ids(made, "shirt", filters=one))], []), (name, value)
            assert bool(counted) == bool(ids(made, "shirt", filters=one)), (name, value)


@pytest.mark.parametrize(
    ("filters", "prices"),
    [
        (chosen(), (300, 900)),
        (chosen(in_stock=True, size="L"), (900, 900)),
        (chosen(colour="red"), (500, 700)),
        (chosen(colour="blue"), (300, 900)),
        (chosen(PriceRange(500, 500), colour="red", size="S L"), (500, 700)),
        (chosen(colour="green"), None),
    ],
)
def test_prices_are_those_of_the_variants_that_are_meant(
    index: Index, filters: Filters, prices: tuple[int, int] | None
) -> None:
    assert index(SHIRT, HAT).find(Question(text="shirt", filters=filters)).facets.prices == prices


def test_more_options_than_are_looked_up_together_are_looked_up_in_parts(index: Index) -> None:
    options = [f"{name}=1" for name in "abcdef"]
    made = index(
        product("both", "Shirt", forms=[form(*options)]), product("none", "Shirt", forms=[form("a=1")])
    )
    assert ids(made, "shirt", filters=chosen(**dict.fromkeys("abcdef", "1"))) == ["both"]


def test_pages_go_on_behind_the_product_shown_last_wherever_it_is_now(index: Index) -> None:
    made = index(*(product(f"p{number:02}", "Lantern", weight=1 + number / 10) for number in range(20)))
    first = made.find(Question(text="lantern", limit=5))
    assert (first.product_ids, first.more) == (["p19", "p18", "p17", "p16", "p15"], True)
    made.drop(["p19", "p18"])
    made.commit()
    second = made.find(Question(text="lantern", limit=5, after=Place(5, "p15")))
    assert list(second.product_ids) == ["p14", "p13", "p12", "p11", "p10"]


def test_what_was_not_committed_is_not_found_and_what_was_cleared_is_until_then(index: Index) -> None:
    made = index(*SHOP)
    made.clear()
    made.put([product("new", "Lantern")])
    assert ids(made, "lantern") == ["lantern"]
    made.commit()
    assert ids(made, "lantern") == ["new"]
    made.clear()
    made.rollback()
    assert ids(made, "lantern") == ["new"]


def test_what_was_looked_for_is_marked_as_it_is_written(index: Index) -> None:
    made = index(*SHOP)
    words = made.find(Question(text="lantrens red")).words
    parts = made.mark("Red Lanterns, large", words, "en")
    assert [(part.text, part.matched) for part in parts] == [
        ("Red", True), (" ", False), ("Lanterns", True), (", large", False),
    ]  # fmt: skip
    [before, hit, after] = made.excerpt("x " * 300 + "lantern" + " y" * 300, words, "en")
    assert hit.text == "lantern"
    assert before.text.startswith("…")
    assert after.text.endswith("…")


def test_a_beginning_is_completed_with_what_there_is(index: Index) -> None:
    made = index(*SHOP, product("two", "Red lantern"), product("three", "Blue lamp"))
    assert made.complete("la", 5) == ["lantern", "lamp"]
    assert made.complete("red l", 5) == ["red lantern"]
    assert made.complete("", 5) == made.complete("!", 5) == []


def performed(index: SearchIndex, text: str) -> tuple[Search, Findings]:
    found = index.find(Question(text=text))
    return Search.perform("sch_1", "vst_1", Filters(), found, NOW), found


def test_words_that_no_product_has_are_not_told(index: Index) -> None:
    search, _ = performed(index(*SHOP), "red lantern erika.mustermann@example.org +447700900123 hunter2")
    [fact] = search.facts
    assert isinstance(fact.event, ProductsSearched)
    assert fact.event.query == "red lantern"
    assert fact.event.withheld >= 4
    told = fact.event.model_dump_json()
    assert not any(secret in told for secret in ("erika", "example", "4477", "hunter2"))


def test_a_choice_is_told_once_with_its_place_and_only_of_a_result(index: Index) -> None:
    search, _ = performed(index(*SHOP), "red")
    search.choose("mug", NOW)
    search.choose("mug", NOW)
    [_, fact] = search.facts
    assert isinstance(fact.event, SearchResultChosen)
    assert fact.event.position == list(search.product_ids).index("mug") + 1
    with pytest.raises(NotAResult):
        search.choose("cafe", NOW)


def test_each_process_has_a_folder_of_its_own_and_takes_over_what_a_dead_one_left(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "left").touch()
    with claimed_folder(tmp_path) as first, claimed_folder(tmp_path) as second:
        assert (first.name, second.name) == ("0", "1")
        assert list(first.iterdir()) == []
    assert not first.exists()
