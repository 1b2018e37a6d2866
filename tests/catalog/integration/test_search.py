"""Searching in real products: what is found, counted, marked and told, by every process alike."""

import secrets
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from shop_catalog.api.plain_searches import PlainSearches
from shop_catalog.application.popular_searches import PopularSearches
from shop_catalog.application.search import SearchDesk
from shop_catalog.domain.search import Question
from shop_catalog.store.schema import migrate
from shop_catalog.store.unit_of_work import Transact
from shop_chassis.http import encode_cursor
from tests.catalog.conftest import Database, Json, Keeper, Shop, bearer, keeping, problem, told, until
from tests.catalog.integration.test_lists import stocked  # noqa: F401
from tests.catalog.integration.test_ranking import hear, score

pytestmark = pytest.mark.integration


async def search(shop: Shop, words: str, visitor: str | None = None, **query: Any) -> Json:
    headers = {"Visitor-Id": visitor} if visitor else {}
    answer = await shop.http.get("/v1/search", params={"q": words, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def found(shop: Shop, words: str, **query: Any) -> list[str]:
    return [item["id"] for item in (await search(shop, words, **query))["items"]]


async def until_found(shop: Shop, words: str, expected: Collection[str], **query: Any) -> None:
    async def is_so() -> bool:
        return set(await found(shop, words, **query)) == set(expected)

    await until(is_so)


async def everything(shop: Shop, words: str, **query: Any) -> list[str]:
    """Return all results, read seven at a time."""
    ids: list[str] = []
    cursor: Json = {}
    while True:
        page = await search(shop, words, limit=7, **query, **cursor)
        ids += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = {"cursor": page["next_cursor"]}


async def edit(shop: Shop, product: Json, **changes: Any) -> Json:
    path = f"/v1/products/{product['id']}"
    etag = (await shop.http.get(path, headers=bearer("usr_m:merchant"))).headers["etag"]
    headers = {**bearer("usr_m:merchant"), "If-Match": etag}
    answer = await shop.http.patch(path, json=changes, headers=headers)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def test_words_are_found_with_errors_and_while_they_are_typed(shop: Shop) -> None:
    lantern = await shop.sell(title="Copper lantern", description="For long evenings")
    await shop.sell(title="Teapot")
    await until_found(shop, "lantern", {lantern["id"]})
    for typed in ("lantren", "copper lant", "LANTERNS", "evening", "evenigns", lantern["variants"][0]["sku"]):
        assert await found(shop, typed) == [lantern["id"]], typed
    assert (await search(shop, "spaceship"))["match"] == "none"
    assert (await search(shop, "spaceship lantern"))["match"] == "some"


async def test_of_two_that_match_alike_the_wanted_comes_first_but_not_before_what_matches_better(
    shop: Shop, transact: Transact
) -> None:
    for _ in range(10):  # in a tiny shop, words of deleted documents count too much
        await shop.sell(title="Teapot")
    plain = await shop.sell(title="Lantern", description="small")
    wanted = await shop.sell(title="Lantern", description="small")
    beside = await shop.sell(title="Hook", description="holds a lantern and much else that is not named")
    await hear(transact, score(wanted, 50.0), 1)
    await hear(transact, score(beside, 50.0), 1)

    async def is_ranked() -> bool:
        return await found(shop, "lantern") == [wanted["id"], plain["id"], beside["id"]]

    await until(is_ranked)


async def test_drafts_and_what_was_taken_off_sale_are_never_found(shop: Shop) -> None:
    await shop.sell(title="Lantern of a draft", status="draft")
    shown = await shop.sell(title="Lantern")
    await until_found(shop, "lantern", {shown["id"]})
    await edit(shop, shown, status="archived")
    assert await found(shop, "lantern") == []  # at once: the database is asked
    suggested = (await shop.http.get("/v1/search/suggestions", params={"q": "lantern"})).json()
    assert suggested["products"] == []


async def listed(shop: Shop, **query: Any) -> set[str]:
    page = (await shop.http.get("/v1/products", params={"limit": 100, **query})).json()
    return {each["id"] for each in page["items"]}


ALIKE: list[dict[str, Any]] = [
    {},
    {"in_stock": True},
    {"option": ["size:L"]},
    {"option": ["size:L", "size:M"], "in_stock": True},
    {"attribute": ["brand:Acme", "brand:Best"]},
    {"attribute": ["brand:Acme", "washable:true"], "in_stock": True},
    {"currency": "GBP", "price_from": 500, "price_to": 2000},
    {"currency": "EUR", "price_from": 500, "in_stock": True, "attribute": ["brand:Best"]},
    {"currency": "GBP", "price_from": 500, "price_to": 2000, "option": ["size:L"], "in_stock": True},
]


@pytest.mark.parametrize("query", ALIKE, ids=str)
async def test_each_count_is_that_of_the_search_it_leads_to(
    stocked: Shop,  # noqa: F811
    query: dict[str, Any],
) -> None:
    await until_found(stocked, "thing", await listed(stocked), limit=100)
    listing = await listed(stocked, **query)
    assert set(await everything(stocked, "thing", **query)) == listing
    counted = await search(stocked, "thing", **query)
    assert counted["total"] == len(listing)
    facets = counted["facets"]
    assert facets["in_stock"] == len(await everything(stocked, "thing", **(query | {"in_stock": True})))
    for each in facets["categories"]:
        own = query | {"category_id": each["value"]}
        assert each["count"] == len(await everything(stocked, "thing", **own))
    for kind, names in (("attribute", facets["attributes"]), ("option", facets["options"])):
        for name, values in names.items():
            kept = [each for each in query.get(kind, []) if not each.startswith(f"{name}:")]
            for each in values:
                own = {**query, kind: [*kept, f"{name}:{each['value']}"]}
                assert each["count"] == len(await everything(stocked, "thing", **own)), own


async def test_pages_show_each_result_once_and_no_cursor_leads_deep(shop: Shop) -> None:
    ids = {(await shop.sell(title=f"Lantern {secrets.token_hex(2)}"))["id"] for _ in range(20)}
    await until_found(shop, "lantern", ids, limit=50)
    pages = await everything(shop, "lantern")
    assert len(pages) == 20
    assert set(pages) == ids
    for cursor in (encode_cursor(1000, "prd_1"), encode_cursor(-1, "prd_1"), encode_cursor("a"), "%%%"):
        answer = await shop.http.get("/v1/search", params={"q": "lantern", "cursor": cursor})
        assert answer.status_code == 400, cursor


async def test_what_matched_is_marked_in_parts_that_hold_the_text_as_it_is(shop: Shop) -> None:
    title = '<img src=x onerror=alert(1)> Lantern & "lamp"'
    await shop.sell(title=title, description="<script>lantern</script>")
    [made] = await until_one(shop, "lantern")
    assert "".join(part["text"] for part in made["title_parts"]) == title
    assert [part["text"] for part in made["title_parts"] if part["matched"]] == ["Lantern"]
    assert [part["text"] for part in made["excerpt_parts"]] == ["<script>", "lantern", "</script>"]


async def until_one(shop: Shop, words: str) -> list[Json]:
    items: list[Json] = []

    async def is_there() -> bool:
        items[:] = (await search(shop, words))["items"]
        return bool(items)

    await until(is_there)
    return items


async def test_the_beginning_of_a_question_is_completed(shop: Shop) -> None:
    lantern = await shop.sell(title="Copper lantern")
    await until_found(shop, "lantern", {lantern["id"]})
    answer = await shop.http.get("/v1/search/suggestions", params={"q": "copper lan"})
    assert answer.json() == {
        "texts": ["copper lantern"],
        "products": [{"id": lantern["id"], "title": "Copper lantern"}],
    }


async def suggested(shop: Shop, typed: str) -> list[str]:
    answer = await shop.http.get("/v1/search/suggestions", params={"q": typed})
    texts: list[str] = answer.json()["texts"]
    return texts


async def test_what_many_visitors_looked_for_is_suggested_and_what_few_did_is_not(
    shop: Shop, searches: PlainSearches, popular: PopularSearches
) -> None:
    lantern = await shop.sell(title="Copper lantern", description="old erika example org 020794600")
    await until_found(shop, "lantern", {lantern["id"]})
    searches.kept.hear(())
    assert await suggested(shop, "ol") == []
    for number in range(3):
        visitor = f"vst_{number:032}"
        for text in ("Old LANTERN", "erika@example.org", "old 020794600", "old spaceship"):
            await search(shop, text, visitor=visitor)
        await search(shop, "old lantern", visitor="vst_" + "9" * 32)
        await search(shop, "old copper", visitor=f"vst_{number % 2:032}")
        await search(shop, "old example")  # by nobody who can be told apart
    await popular.count()
    assert await suggested(shop, "öl") == ["old lantern"]
    assert await suggested(shop, "eri") == []


HOSTILE = ("title:* OR id:*", '"', "+(", "\\", "*", "lantern AND NOT lantern", "prices.GBP:[* TO *]", "\x00a")


async def test_what_looks_like_a_command_is_words(shop: Shop) -> None:
    await shop.sell(title="Teapot")
    await until_one(shop, "teapot")
    for typed in HOSTILE:
        for path in ("/v1/search", "/v1/search/suggestions"):
            answer = await shop.http.get(path, params={"q": typed})
            assert answer.status_code in {200, 422}, typed
            assert "Teapot" not in answer.text, typed


SENSELESS: list[dict[str, Any]] = [
    {},
    {"q": ""},
    {"q": "!!!"},
    {"q": "x" * 201},
    {"q": "a", "limit": 0},
    {"q": "a", "limit": 100_000},
    {"q": "a", "language": "not a language"},
    {"q": "a", "price_from": 5},
    {"q": "a", "currency": "GBP", "price_from": -1},
    {"q": "a", "attribute": "without a colon"},
    {"q": "a", "option": ["a:b"] * 21},
    {"q": "a", "status": "draft"},
    {"q": "a", "sku": "a"},
]


async def test_a_question_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for query in SENSELESS:
        answer = await shop.http.get("/v1/search", params=query)
        assert problem(answer)[0] == 422, query


async def test_who_searches_may_be_named_by_a_visitor_id_alone(shop: Shop) -> None:
    headers = {"Visitor-Id": "erika@example.org"}
    answer = await shop.http.get("/v1/search", params={"q": "a"}, headers=headers)
    assert problem(answer)[0] == 422


async def test_a_process_without_its_index_says_so(
    shop: Shop, desk: SearchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_finder", lambda: None)
    for path in ("/v1/search", "/v1/search/suggestions"):
        assert problem(await shop.http.get(path, params={"q": "a"}))[0] == 503


VISITOR = "vst_" + "0" * 32


async def test_a_search_and_what_was_chosen_of_it_are_told_once(shop: Shop, db: Database) -> None:
    lantern = await shop.sell(title="Lantern")
    other = await shop.sell(title="Teapot")
    await until_found(shop, "lantern", {lantern["id"]})
    await db.outbox.delete_many({})
    made = await search(shop, "lantern hunter2", visitor=VISITOR)
    path = f"/v1/search/{made['search_id']}/clicks"
    for _ in range(2):
        assert (await shop.http.post(path, json={"product_id": lantern["id"]})).status_code == 204
    assert problem(await shop.http.post(path, json={"product_id": other["id"]}))[0] == 422
    unknown = f"/v1/search/sch_{'0' * 32}/clicks"
    assert problem(await shop.http.post(unknown, json={"product_id": lantern["id"]}))[0] == 404
    assert await told(db, "search") == [
        ("catalog.search.performed.v1", 1),
        ("catalog.search.clicked.v1", 2),
    ]
    rows = await db.outbox.find().sort("_id", 1).to_list()
    assert {row["key"] for row in rows} == {VISITOR}
    assert not any(b"hunter2" in row["value"] for row in rows)


async def test_who_did_not_agree_to_be_counted_is_somebody_new_each_time(shop: Shop, db: Database) -> None:
    await search(shop, "lantern")
    await search(shop, "lantern")
    keys = {row["key"] async for row in db.outbox.find()}
    assert len(keys) == 2
    assert all(key.startswith("anon_") for key in keys)


async def asked(keeper: Keeper, words: str) -> list[str]:
    index = keeper.index()
    assert index is not None
    return list(index.find(Question(text=words)).product_ids)


def finds(keeper: Keeper, words: str, *ids: str) -> Callable[[], Any]:
    async def is_so() -> bool:
        return set(await asked(keeper, words)) == set(ids)

    return is_so


async def test_what_one_process_changes_every_process_finds(
    shop: Shop, db: Database, keeper: Keeper, tmp_path: Path
) -> None:
    async with keeping(db, tmp_path / "other") as other:
        made = await shop.sell(title="Lantern")
        for each in (keeper, other):
            await until(finds(each, "lantern", made["id"]))
        await edit(shop, made, title="Teapot")
        for each in (keeper, other):
            await until(finds(each, "teapot", made["id"]))
            assert await asked(each, "lantern") == []


async def test_an_index_that_was_lost_is_built_from_the_products(
    shop: Shop, db: Database, tmp_path: Path
) -> None:
    ids = [(await shop.sell(title="Lantern"))["id"] for _ in range(3)]
    async with keeping(db, tmp_path / "new") as new:
        assert set(await asked(new, "lantern")) == set(ids)


async def test_an_index_whose_place_in_the_stream_is_lost_is_built_anew(
    shop: Shop, db: Database, keeper: Keeper
) -> None:
    stays, goes = [await shop.sell(title="Lantern") for _ in range(2)]
    await until(finds(keeper, "lantern", stays["id"], goes["id"]))
    document = await db.products.find_one({"_id": stays["id"]})
    assert document
    await db.products.drop()  # ends the stream
    await migrate(db)
    await db.products.insert_one(document)
    await until(finds(keeper, "lantern", stays["id"]))
    made = await shop.sell(title="Lantern")
    await until(finds(keeper, "lantern", stays["id"], made["id"]))
