"""Orders placed past FastAPI come out as by its route, and what is wrong with a request is told as by it."""

import json
import secrets
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from shop_chassis.auth import READ_ONLY, Caller
from tests.catalog.conftest import Database, Json, Shop, bearer, left, problem

pytestmark = pytest.mark.integration

BY_ROUTE = "application/json; charset=utf-8"
PAST_IT = "application/json"
CUP = "a cup"
"""Stands for the product in a request."""


def alike(one: httpx.Response, other: httpx.Response) -> bool:
    def said(answer: httpx.Response) -> tuple[Any, ...]:
        own = {"x-correlation-id"}
        headers = {name: value for name, value in answer.headers.items() if name not in own}
        body = orjson.loads(answer.content)
        body.pop("correlation_id", None)
        return answer.status_code, body, headers.keys(), headers["content-type"], headers.get("location")

    return said(one) == said(other)


async def place(shop: Shop, kind: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await shop.http.post("/v1/orders", content=body, headers={**headers, "Content-Type": kind})


def body_of(cup: Json, **more: Any) -> bytes:
    return orjson.dumps({"lines": [{"product_id": cup["id"], "quantity": 2}], **more})


@pytest.mark.parametrize("first", [BY_ROUTE, PAST_IT])
@pytest.mark.parametrize(
    "more",
    [
        {"payment_method": "pm_card_visa", "expected_total": {"amount": 2000, "currency": "GBP"}},
        {"address": {"name": "Zoë", "lines": ["1 High St"], "city": "Łódź", "country": "PL"}, "coupon": None},
    ],
)
async def test_both_ways_a_request_means_the_same(
    shop: Shop, db: Database, first: str, more: dict[str, Any]
) -> None:
    cup = await shop.sell(stock=10)
    headers = {**bearer("usr_1"), "Idempotency-Key": "once"}
    answers = [await place(shop, kind, body_of(cup, **more), headers) for kind in (first, BY_ROUTE, PAST_IT)]
    assert answers[0].status_code == 201, answers[0].text
    assert alike(answers[0], answers[1])
    assert alike(answers[1], answers[2])
    assert answers[1].content == answers[2].content
    assert await left(db, cup) == 8


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"[]", {}),
        (b"\xff", {}),
        (b'{"lines": [{"product_id": "\\ud800", "quantity": 1}]}', {}),
        ({"lines": []}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 0}]}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 1.5}]}, {}),
        ({"lines": [{"product_id": CUP, "quantity": "1"}]}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 10**30}]}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 1, "price": 1}]}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 11}]}, {}),
        ({"lines": [{"product_id": "prd_none", "quantity": 1}]}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 1}], "coupon": "NONE"}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 1}], "payment_method": "card_none"}, {}),
        ({"lines": [{"product_id": CUP, "quantity": 1}]}, {"Idempotency-Key": "two words"}),
        ({"lines": [{"product_id": CUP, "quantity": 1}]}, {"Idempotency-Key": ""}),
        ({"lines": [{"product_id": CUP, "quantity": 1}]}, {"Authorization": ""}),
        ({"lines": [{"product_id": CUP, "quantity": 1}]}, {"Authorization": "Basic eA=="}),
    ],
    ids=str,
)
async def test_what_is_wrong_is_told_as_by_the_route_and_nothing_is_changed(
    shop: Shop, db: Database, body: Any, headers: dict[str, str]
) -> None:
    cup = await shop.sell(stock=10)
    said = body if isinstance(body, bytes) else json.dumps(_about(cup["id"], body)).encode()
    answers = [
        await place(shop, kind, said, {**bearer("usr_1"), "Idempotency-Key": secrets.token_hex(8), **headers})
        for kind in (BY_ROUTE, PAST_IT)
    ]
    assert 400 <= answers[0].status_code < 500, answers[0].text
    assert alike(*answers)
    assert await left(db, cup) == 10
    assert await db.orders.count_documents({}) == 0


def _about(cup: str, body: Json) -> Json:
    lines = [
        {**line, "product_id": cup if line["product_id"] == CUP else line["product_id"]}
        for line in body["lines"]
    ]
    return {**body, "lines": lines}


@pytest.mark.parametrize("kind", [BY_ROUTE, PAST_IT])
async def test_whoever_may_only_look_buys_nothing(shop: Shop, app: FastAPI, db: Database, kind: str) -> None:
    cup = await shop.sell()

    class Receipt:
        def verify(self, token: str) -> Caller:
            return Caller(token, scopes=frozenset({READ_ONLY}))

    app.state.verifier = Receipt()
    headers = {**bearer("usr_1"), "Idempotency-Key": "once"}
    assert problem(await place(shop, kind, body_of(cup), headers)) == (403, "forbidden")
    assert await db.orders.count_documents({}) == 0
