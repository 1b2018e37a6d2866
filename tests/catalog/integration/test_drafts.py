"""Who sees what is not on sale, what others are told of it, and in which language a product is answered."""

import pytest

from tests.catalog.conftest import Database, Json, Shop, bearer, problem, told, until

pytestmark = pytest.mark.integration

MERCHANT = bearer("usr_m:merchant")


async def change(shop: Shop, product: Json, version: int, **changes: object) -> Json:
    headers = {**MERCHANT, "If-Match": f'"v{version}"'}
    answer = await shop.http.patch(f"/v1/products/{product['id']}", json=changes, headers=headers)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def test_a_draft_is_the_merchants_alone(shop: Shop, db: Database) -> None:
    draft = await shop.sell(status="draft")
    path = f"/v1/products/{draft['id']}"
    for token in ("usr_1", "usr_1:support", "usr_1:analyst"):
        assert problem(await shop.show(path, token)) == (404, "not-found")
    assert problem(await shop.http.get(path)) == (404, "not-found")
    assert (await shop.show(path, "usr_m:merchant")).json() == draft
    assert (await shop.http.get("/v1/products")).json()["items"] == []
    assert problem(await shop.order((draft, 1))) == (422, "unknown-products")
    assert await told(db, "product") == []
    shown = await shop.sell()

    async def is_found() -> bool:
        found = (await shop.http.get("/v1/search", params={"q": "cup"})).json()["items"]
        assert draft["id"] not in {each["id"] for each in found}
        return [each["id"] for each in found] == [shown["id"]]

    await until(is_found)


async def test_a_draft_is_published_taken_back_archived_and_told_as_others_see_it(
    shop: Shop, db: Database
) -> None:
    product = await shop.sell(status="draft")
    await change(shop, product, 1, title="Better")
    await change(shop, product, 2, status="published")
    assert (await shop.http.get(f"/v1/products/{product['id']}")).json()["title"] == "Better"
    await change(shop, product, 3, status="draft")
    assert problem(await shop.http.get(f"/v1/products/{product['id']}")) == (404, "not-found")
    await change(shop, product, 4, status="archived")
    headers = {**MERCHANT, "If-Match": '"v5"'}
    refused = await shop.http.patch(
        f"/v1/products/{product['id']}", json={"status": "published"}, headers=headers
    )
    assert problem(refused) == (409, "illegal-status")
    assert await told(db, "product") == [
        ("catalog.product.changed.v1", 3),
        ("catalog.product.deleted.v1", 4),
    ]


async def test_stock_of_a_draft_is_kept_and_shown_when_it_is_published(shop: Shop) -> None:
    product = await shop.sell(status="draft", stock=0)
    path = f"/v1/products/{product['id']}/stock-adjustments"
    await shop.post(path, {"delta": 5, "reason": "delivery"}, "usr_m:merchant")
    published = await change(shop, product, 2, status="published")
    assert published["available"] is True


async def test_a_product_is_answered_in_the_language_that_suits_best(shop: Shop) -> None:
    german, french = {"title": "Tasse", "description": "Weiß"}, {"title": "Tasse à thé"}
    cup = await shop.sell(title="Cup", translations={"de": german, "fr-CA": french})
    path = f"/v1/products/{cup['id']}"
    for accepted, language, title in (
        ("", "en", "Cup"),
        ("de-AT, en;q=0.5", "de", "Tasse"),
        ("en;q=0.4, de;q=0.9", "de", "Tasse"),
        ("fr-CA", "fr-CA", "Tasse à thé"),
        ("fr", "en", "Cup"),
        ("da, *;q=0.1", "en", "Cup"),
        ("de;q=0", "en", "Cup"),
        (";;;,=q", "en", "Cup"),
    ):
        answer = await shop.http.get(path, headers={"Accept-Language": accepted})
        assert (answer.headers["content-language"], answer.json()["title"]) == (language, title), accepted
    tags = [
        (await shop.http.get(path, headers={"Accept-Language": each})).headers["etag"]
        for each in ("en", "de")
    ]
    assert tags == ['"v1"', '"v1.de"']
    same = await shop.http.get(path, headers={"Accept-Language": "de", "If-None-Match": tags[1]})
    assert same.status_code == 304
    other = await shop.http.get(path, headers={"Accept-Language": "en", "If-None-Match": tags[1]})
    assert other.status_code == 200
    headers = {**MERCHANT, "If-Match": tags[1]}
    assert (await shop.http.patch(path, json={"title": "Mug"}, headers=headers)).status_code == 200


async def test_a_translation_into_the_products_own_language_is_refused(shop: Shop) -> None:
    body = {"sku": "x", "title": "x", "price": {"amount": 1, "currency": "GBP"}}
    body |= {"language": "de", "translations": {"de": {"title": "y"}}}
    refused = await shop.post("/v1/products", body, "usr_m:merchant")
    assert problem(refused) == (422, "invalid-translations")


async def test_attributes_and_pictures_are_kept_as_they_were_said(shop: Shop) -> None:
    attributes = {"brand": "Wedgwood", "pieces": 6, "dishwasher safe": True, "Größe": "12 cm"}
    media = [{"url": "https://shop.example/a.jpg", "alt": "From above"}]
    cup = await shop.sell(attributes=attributes, media=media)
    assert (cup["attributes"], cup["media"]) == (attributes, media)
    assert cup["image_url"] == media[0]["url"]
    changed = await change(shop, cup, 1, image_url="https://shop.example/b.jpg")
    assert changed["media"] == [{"url": "https://shop.example/b.jpg", "alt": "From above"}]


async def test_an_external_reference_belongs_to_one_product(shop: Shop) -> None:
    first, second = await shop.sell(reference="erp-1"), await shop.sell()
    body = {"sku": "x", "title": "x", "price": {"amount": 1, "currency": "GBP"}, "reference": "erp-1"}
    assert problem(await shop.post("/v1/products", body, "usr_m:merchant")) == (409, "reference-taken")
    headers = {**MERCHANT, "If-Match": '"v1"'}
    taken = await shop.http.patch(
        f"/v1/products/{second['id']}", json={"reference": "erp-1"}, headers=headers
    )
    assert problem(taken) == (409, "reference-taken")
    await change(shop, first, 1, reference="erp-1", title="Same")
