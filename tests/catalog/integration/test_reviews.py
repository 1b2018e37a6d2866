"""Reviews: by buyers alone, shown once moderated, and counted right whatever happens at the same time."""

import asyncio
import secrets
from typing import Any

import httpx
import orjson
import pytest

from shop_catalog.application import erasures
from shop_catalog.jobs import reviews
from shop_catalog.jobs.erasures import erase
from shop_catalog.store.unit_of_work import Transact
from tests.catalog.conftest import Database, Json, Shop, bearer, make_due, problem, told

pytestmark = pytest.mark.integration

SUPPORT = "usr_s:support"
NOBODY: Json = {"count": 0, "mean": None, "ratings": dict.fromkeys("12345", 0), "recommended": 0}


async def write(
    shop: Shop, product: Json, user: str = "usr_1", key: str | None = None, **said: Any
) -> httpx.Response:
    opinion = {"rating": 5, "recommends": True, "title": "Good", **said}
    return await shop.post(f"/v1/products/{product['id']}/reviews", opinion, user, key)


async def bought_and_reviewed(shop: Shop, product: Json, user: str = "usr_1", **said: Any) -> Json:
    assert (await shop.order((product, 1), user=user)).status_code == 201
    answer = await write(shop, product, user, **said)
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


async def in_state(db: Database, status: str) -> None:
    """Let all orders be in a state, be it one that orders do not reach yet."""
    await db.orders.update_many({}, {"$set": {"status": status}}, bypass_document_validation=True)


async def version_of(shop: Shop, review: Json) -> str:
    return (await shop.show(f"/v1/reviews/{review['id']}", SUPPORT)).headers["ETag"]


async def change(  # noqa: PLR0917
    shop: Shop,
    method: str,
    path: str,
    token: str,
    body: Json | None = None,
    version: str | None = None,
) -> httpx.Response:
    headers = {**bearer(token), **({} if version is None else {"If-Match": version})}
    return await shop.http.request(method, path, json=body, headers=headers)


async def decide(
    shop: Shop, review: Json, reason: str | None = None, token: str = SUPPORT, version: str | None = None
) -> httpx.Response:
    body = {"status": "published"} if reason is None else {"status": "rejected", "reason": reason}
    version = version or await version_of(shop, review)
    return await change(shop, "PUT", f"/v1/reviews/{review['id']}/status", token, body, version)


async def published(shop: Shop, product: Json, user: str, **said: Any) -> Json:
    review = await bought_and_reviewed(shop, product, user, **said)
    answer = await decide(shop, review)
    assert answer.status_code == 200, answer.text
    return review


async def tally(shop: Shop, product: Json) -> Json:
    shown: Json = (await shop.http.get(f"/v1/products/{product['id']}")).json()["reviews"]
    return shown


async def shown(shop: Shop, product: Json, **query: Any) -> list[str]:
    """Return the ids of all reviews that a list shows, page by page."""
    found, cursor = [], None
    while True:
        params = {**query, **({} if cursor is None else {"cursor": cursor})}
        page = (await shop.http.get(f"/v1/products/{product['id']}/reviews", params=params)).json()
        found += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_only_who_has_paid_for_a_product_reviews_it(shop: Shop, db: Database) -> None:
    cup, pot = await shop.sell(), await shop.sell()
    assert problem(await write(shop, cup)) == (403, "not-bought")
    await shop.order((pot, 1))
    assert problem(await write(shop, cup)) == (403, "not-bought")
    assert problem(await write(shop, pot, "usr_2")) == (403, "not-bought")
    await in_state(db, "cancelled")
    assert problem(await write(shop, pot)) == (403, "not-bought")
    await in_state(db, "placed")
    assert problem(await write(shop, pot)) == (403, "not-bought")
    await in_state(db, "delivered")
    assert (await write(shop, pot)).status_code == 201
    assert await db.reviews.count_documents({}) == 1


async def test_a_product_that_is_not_there_is_not_reviewed(shop: Shop) -> None:
    cup = await shop.sell()
    await shop.order((cup, 1))
    await shop.http.delete(f"/v1/products/{cup['id']}", headers=bearer("usr_m:merchant"))
    assert problem(await write(shop, cup)) == (404, "not-found")
    assert problem(await shop.http.get("/v1/products/prd_none/reviews")) == (404, "not-found")


async def test_a_customer_has_one_review_of_a_product(shop: Shop, db: Database) -> None:
    cup = await shop.sell()
    await shop.order((cup, 1))
    answers = await asyncio.gather(*(write(shop, cup) for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [201, *[409] * 5]
    assert problem(next(each for each in answers if each.status_code == 409)) == (409, "already-reviewed")
    assert await db.reviews.count_documents({}) == 1
    mine = await shop.show(f"/v1/products/{cup['id']}/reviews/mine")
    assert mine.json()["status"] == "pending"
    assert mine.headers["ETag"] == '"v1"'


async def test_a_repeated_request_writes_one_review(shop: Shop) -> None:
    cup = await shop.sell()
    await shop.order((cup, 1))
    key = secrets.token_hex(8)
    answers = await asyncio.gather(*(write(shop, cup, key=key) for _ in range(4)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1
    assert problem(await write(shop, cup, key=key, rating=1)) == (422, "key-reused")


NO_REVIEW: list[Json] = [
    {"rating": 0},
    {"rating": 6},
    {"rating": 4.5},
    {"rating": True},
    {"rating": "5"},
    {"title": ""},
    {"title": "x" * 121},
    {"title": "a\nb"},
    {"text": "x" * 5001},
    {"recommends": "yes"},
    {"author": "Ann"},
]


async def test_what_is_no_review_is_refused(shop: Shop) -> None:
    for wrong in NO_REVIEW:
        assert problem(await write(shop, {"id": "prd_1"}, **wrong)) == (422, "validation"), wrong


async def test_others_see_a_review_once_it_is_published(shop: Shop) -> None:
    cup = await shop.sell()
    review = await bought_and_reviewed(shop, cup, title="Fine", text="<b>Fine</b>", rating=4)
    path = f"/v1/reviews/{review['id']}"
    assert problem(await shop.http.get(path)) == (404, "not-found")
    assert problem(await shop.show(path, "usr_2")) == (404, "not-found")
    assert await shown(shop, cup) == []
    assert await tally(shop, cup) == NOBODY
    assert (await decide(shop, review)).json()["status"] == "published"
    seen = (await shop.http.get(path)).json()
    assert (seen["title"], seen["text"], seen["author"]) == ("Fine", "<b>Fine</b>", "a buyer")
    assert "usr_1" not in orjson.dumps(seen).decode()
    assert await shown(shop, cup) == [review["id"]]
    one = {"count": 1, "mean": 4.0, "ratings": {**NOBODY["ratings"], "4": 1}, "recommended": 1}
    assert await tally(shop, cup) == one


async def test_a_rejected_review_is_shown_to_its_author_with_the_reason(shop: Shop) -> None:
    cup = await shop.sell()
    review = await published(shop, cup, "usr_1")
    assert (await decide(shop, review, "Advertising")).status_code == 200
    assert await tally(shop, cup) == NOBODY
    path = f"/v1/reviews/{review['id']}"
    assert problem(await shop.show(path, "usr_2")) == (404, "not-found")
    own = (await shop.show(path)).json()
    assert (own["status"], own["reason"]) == ("rejected", "Advertising")
    assert (await decide(shop, review)).json()["reason"] is None
    assert (await tally(shop, cup))["count"] == 1


async def test_an_edit_is_moderated_again(shop: Shop) -> None:
    cup = await shop.sell()
    review = await published(shop, cup, "usr_1")
    path, body = f"/v1/reviews/{review['id']}", {"rating": 2, "recommends": False, "title": "Broke"}
    edited = await change(shop, "PUT", path, "usr_1", body, await version_of(shop, review))
    assert (edited.json()["status"], edited.json()["rating"]) == ("pending", 2)
    assert edited.json()["edited_at"]
    assert await tally(shop, cup) == NOBODY
    await decide(shop, review)
    expected = {"count": 1, "mean": 2.0, "ratings": {**NOBODY["ratings"], "2": 1}, "recommended": 0}
    assert await tally(shop, cup) == expected


async def test_a_moderator_decides_about_what_they_read(shop: Shop) -> None:
    cup = await shop.sell()
    review = await bought_and_reviewed(shop, cup)
    read = await version_of(shop, review)
    body = {"rating": 5, "recommends": True, "title": "Buy elsewhere"}
    edited = await change(shop, "PUT", f"/v1/reviews/{review['id']}", "usr_1", body, read)
    assert edited.status_code == 200
    assert problem(await decide(shop, review, version=read)) == (412, "precondition-failed")
    stale = await change(shop, "PUT", f"/v1/reviews/{review['id']}", "usr_1", {**body, "rating": 1}, read)
    assert problem(stale) == (412, "precondition-failed")
    assert await shown(shop, cup) == []


async def test_only_moderators_moderate_and_not_their_own(shop: Shop) -> None:
    cup = await shop.sell()
    review = await bought_and_reviewed(shop, cup, "usr_s")
    for token in ("usr_1", "usr_m:merchant", "usr_s:customer"):
        assert problem(await decide(shop, review, token=token)) == (403, "forbidden")
        assert problem(await shop.show("/v1/reviews", token)) == (403, "forbidden")
    assert problem(await decide(shop, review, token=SUPPORT)) == (403, "forbidden")
    waiting = (await shop.show("/v1/reviews", "usr_a:administrator")).json()["items"]
    assert [each["id"] for each in waiting] == [review["id"]]
    assert (await decide(shop, review, token="usr_a:administrator")).status_code == 200
    assert (await shop.show("/v1/reviews", SUPPORT)).json()["items"] == []


@pytest.mark.parametrize(
    "body", [{"status": "rejected"}, {"status": "published", "reason": "x"}, {"status": "pending"}]
)
async def test_a_decision_is_whole(shop: Shop, body: Json) -> None:
    answer = await change(shop, "PUT", "/v1/reviews/rev_1/status", SUPPORT, body, '"v1"')
    assert problem(answer) == (422, "validation")


async def test_a_review_is_its_authors(shop: Shop, db: Database) -> None:
    cup = await shop.sell()
    review = await published(shop, cup, "usr_1")
    path, body = f"/v1/reviews/{review['id']}", {"rating": 1, "recommends": False, "title": "x"}
    version = await version_of(shop, review)
    for token in ("usr_2", SUPPORT):
        assert problem(await change(shop, "PUT", path, token, body, version)) == (404, "not-found")
        assert problem(await change(shop, "DELETE", path, token, None, version)) == (404, "not-found")
    assert problem(await change(shop, "DELETE", path, "usr_1")) == (428, "precondition-required")
    assert (await change(shop, "DELETE", path, "usr_1", None, version)).status_code == 204
    assert await tally(shop, cup) == NOBODY
    assert await db.reviews.count_documents({}) == 0
    assert (await write(shop, cup)).status_code == 201


async def test_a_vote_counts_once_for_each_customer(shop: Shop) -> None:
    cup = await shop.sell()
    review = await published(shop, cup, "usr_1")
    path = f"/v1/reviews/{review['id']}/helpful"
    assert problem(await change(shop, "PUT", path, "usr_1")) == (403, "forbidden")
    voters = [f"usr_{number % 4 + 2}" for number in range(12)]
    answers = await asyncio.gather(*(change(shop, "PUT", path, voter) for voter in voters))
    assert {each.status_code for each in answers} == {200}
    seen = await shop.http.get(f"/v1/reviews/{review['id']}")
    assert seen.json()["helpful"] == 4
    assert seen.headers["ETag"] == '"v2"'
    for _ in range(2):
        assert (await change(shop, "DELETE", path, "usr_2")).status_code == 204
    assert (await shop.http.get(f"/v1/reviews/{review['id']}")).json()["helpful"] == 3


async def test_what_is_not_published_gets_no_votes(shop: Shop, db: Database) -> None:
    cup = await shop.sell()
    review = await bought_and_reviewed(shop, cup)
    for path in (f"/v1/reviews/{review['id']}/helpful", "/v1/reviews/rev_none/helpful"):
        assert problem(await change(shop, "PUT", path, "usr_2")) == (404, "not-found")
    assert await db.review_votes.count_documents({}) == 0


async def test_lists_go_on_where_they_were_while_reviews_come(shop: Shop) -> None:
    cup = await shop.sell(stock=50)
    first = [(await published(shop, cup, f"usr_{number}"))["id"] for number in range(5)]
    assert await shown(shop, cup, limit=2) == first[::-1]
    for number, votes in ((1, 3), (3, 1), (4, 1)):
        for voter in range(votes):
            await change(shop, "PUT", f"/v1/reviews/{first[number]}/helpful", f"usr_v{voter}")
    expected = [first[1], first[4], first[3], first[2], first[0]]
    assert await shown(shop, cup, limit=2, sort="helpful") == expected
    path = f"/v1/products/{cup['id']}/reviews"
    begun = (await shop.http.get(path, params={"limit": 2})).json()
    await published(shop, cup, "usr_9")
    rest = (await shop.http.get(path, params={"limit": 9, "cursor": begun["next_cursor"]})).json()
    assert [each["id"] for each in begun["items"] + rest["items"]] == first[::-1]
    wrong = await shop.http.get(path, params={"sort": "helpful", "cursor": begun["next_cursor"]})
    assert problem(wrong) == (400, "invalid-cursor")


async def test_the_tally_is_right_after_everything_at_once(
    shop: Shop, db: Database, transact: Transact
) -> None:
    cup = await shop.sell(stock=50)
    users = [f"usr_{number}" for number in range(10)]
    written = [await bought_and_reviewed(shop, cup, user, rating=n % 5 + 1) for n, user in enumerate(users)]

    async def live(number: int) -> None:
        review, user = written[number], users[number]
        path = f"/v1/reviews/{review['id']}"
        await decide(shop, review)
        if number % 3 == 0:
            body = {"rating": 1, "recommends": number % 2 == 0, "title": "Changed"}
            await change(shop, "PUT", path, user, body, await version_of(shop, review))
            await decide(shop, review)
        if number % 3 == 1:
            await decide(shop, review, "No")
        if number == 8:
            await change(shop, "DELETE", path, user, None, await version_of(shop, review))

    merchant = {**bearer("usr_m:merchant"), "If-Match": '"v1"'}
    renamed, *_ = await asyncio.gather(
        shop.http.patch(f"/v1/products/{cup['id']}", json={"title": "Mug"}, headers=merchant),
        reviews.recount(transact),
        *map(live, range(10)),
    )
    assert renamed.status_code == 200
    found = await db.reviews.find({"status": "published"}).to_list()
    assert len(found) == 6
    ratings = {str(each): sum(one["rating"] == each for one in found) for each in range(1, 6)}
    seen = await tally(shop, cup)
    assert (seen["count"], seen["ratings"]) == (6, ratings)
    assert seen["recommended"] == sum(each["recommends"] for each in found)
    assert seen["mean"] == round(sum(each["rating"] for each in found) / 6, 2)


async def test_a_lost_tally_is_counted_anew(shop: Shop, db: Database, transact: Transact) -> None:
    cup, pot, pan = await shop.sell(), await shop.sell(), await shop.sell()
    await published(shop, cup, "usr_1", rating=3)
    await published(shop, cup, "usr_2", rating=4)
    await bought_and_reviewed(shop, pan)
    right = await tally(shop, cup)
    await db.products.update_one({"_id": cup["id"]}, {"$unset": {"reviews": 1}})
    await db.products.update_one({"_id": pot["id"]}, {"$set": {"reviews.ratings.5": 7}})
    await reviews.recount(transact)
    assert await tally(shop, cup) == right
    assert await tally(shop, pot) == await tally(shop, pan) == NOBODY
    untouched = await db.products.find_one({"_id": pan["id"]})
    assert untouched is not None
    assert "reviews" not in untouched


async def test_a_known_page_of_a_product_is_asked_for_again_after_a_review(shop: Shop) -> None:
    cup = await shop.sell()
    path = f"/v1/products/{cup['id']}"
    known = {"If-None-Match": (await shop.http.get(path)).headers["ETag"]}
    review = await bought_and_reviewed(shop, cup)
    assert (await shop.http.get(path, headers=known)).status_code == 304
    await decide(shop, review)
    fresh = await shop.http.get(path, headers=known)
    assert fresh.status_code == 200
    headers = {**bearer("usr_m:merchant"), "If-Match": fresh.headers["ETag"]}
    assert (await shop.http.patch(path, json={"title": "Mug"}, headers=headers)).status_code == 200
    assert (await tally(shop, cup))["count"] == 1


async def test_others_are_told_ids_and_ratings_and_no_words(shop: Shop, db: Database) -> None:
    cup = await shop.sell()
    review = await published(shop, cup, "usr_1", title="Zanzibar", text="Zanzibar", rating=4)
    await decide(shop, review, "Zanzibar")
    await change(shop, "DELETE", f"/v1/reviews/{review['id']}", "usr_1", None, await version_of(shop, review))
    kinds = ("submitted", "published", "rejected", "withdrawn")
    assert await told(db, "catalog.review.") == [
        (f"catalog.review.{kind}.v1", number) for number, kind in enumerate(kinds, 1)
    ]
    rows = await db.outbox.find({"topic": "catalog.reviews.v1"}).to_list()
    assert {row["key"] for row in rows} == {cup["id"]}
    told_of = orjson.loads(rows[1]["value"])
    assert (told_of["review_id"], told_of["user_id"], told_of["rating"]) == (review["id"], "usr_1", 4)
    assert not any(b"Zanzibar" in row["value"] for row in rows)


async def test_nothing_of_a_user_remains(shop: Shop, db: Database, transact: Transact) -> None:
    cup, pot = await shop.sell(), await shop.sell()
    mine = await published(shop, cup, "usr_1")
    await bought_and_reviewed(shop, pot, "usr_1")
    other = await published(shop, cup, "usr_2", rating=2)
    await change(shop, "PUT", f"/v1/reviews/{other['id']}/helpful", "usr_1")
    await change(shop, "PUT", f"/v1/reviews/{mine['id']}/helpful", "usr_2")
    for _ in range(2):
        await transact(erasures.begin, "usr_1")
        await make_due(db)
        await erase(transact)
    left = await db.reviews.find().to_list() + await db.review_votes.find().to_list()
    assert [each["_id"] for each in left] == [other["id"]]
    assert left[0]["helpful"] == 0
    assert (await tally(shop, cup))["ratings"] == {**NOBODY["ratings"], "2": 1}
