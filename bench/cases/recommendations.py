"""Recommendations over HTTP, with a model learned from real sessions, beside a ready answer of equal size."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import pairwise
from typing import Any

from bench.clicks import Clicks, clicks
from bench.figures import Comparison, Contender, Effort
from bench.ground import Document, Ground
from bench.load import Load, load
from bench.topic import fill
from bench.wire import request
from shop_devstack.errors import NotReadyError
from shop_devstack.ports import LOOPBACK
from shop_events.contracts import Fact
from shop_events.contracts.session import ACTIVITY, PageViewed
from shop_events.envelope import Message, encode, envelope_for
from shop_events.topics import TOPICS

_DATABASE = "shop_analytics"
_PREFIX = "ours."
_QUESTIONS = 2000
_POPULAR = 300
_LEARNED_WITHIN = 90
_PARTITIONS = TOPICS[ACTIVITY].partitions


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare the answers of the recommender with one that is ready."""
    known = clicks()
    here.topics(_PREFIX)
    asyncio.run(_prepare(here, known))
    questions = list(_questions(known))
    with here.serving("analytics", "shop_analytics", "api", topic_prefix=_PREFIX) as ours:
        _await_learned(ours)
        size = str(len(_ask(ours, questions[0])))
        with here.serving("bare", "bench.baselines", "recommendations", answer_bytes=size) as bare:

            def contender(name: str, port: int) -> Contender:
                what = Load(port, "bench.cases.recommendations:asking", questions, effort.seconds)
                return Contender(name, lambda: load(what))

            figures = effort.alternate(
                [contender(f"bare ASGI, {size} bytes", bare), contender("GET /v1/recommendations", ours)]
            )
    return [Comparison(f"recommendations ({known.source})", "requests", figures)]


def asking(questions: list[str], connection: int) -> Iterator[bytes]:
    """Ask about one session after the other, each connection beginning elsewhere."""
    number = connection * 61
    while True:
        number += 1
        yield request("GET", questions[number % len(questions)])


def _questions(known: Clicks) -> Iterator[str]:
    """Return what product pages ask: the product at hand, and what was viewed before it."""
    longer = [session for session in known.sessions if len(session) > 1]
    for session in longer[-_QUESTIONS:]:
        *recent, product_id = session[:6]
        yield (
            f"/v1/recommendations?placement=product&limit=10&product_id={product_id}&recent={','.join(recent)}"
        )


async def _prepare(here: Ground, known: Clicks) -> None:
    """Put views into the topic, and into the database what consumer and streams would make of them."""
    await fill(here.kafka, _PREFIX, _views(known))
    products = known.products
    now = datetime.now(UTC)
    async with here.client() as client:
        db = client[_DATABASE]
        await db.products.insert_many([_card(product_id) for product_id in [*products, *_ends()]])
        await db.scores.insert_many(
            [_score(product_id, place, now) for place, product_id in enumerate(products[:_POPULAR])]
        )
        await db.co_views.insert_many(_pairs(known.sessions))
        await db.co_purchases.insert_many(_pairs(known.sessions[::5]))


def _views(known: Clicks) -> Iterator[tuple[Message, int | None]]:
    """Return a view for each click, and at the end of each partition one session that nobody else has."""
    began = datetime.now(UTC) - timedelta(days=1)
    for number, session in enumerate(known.sessions):
        at = began + timedelta(seconds=number)
        for place, product_id in enumerate(session):
            yield _view(f"vst_{number}", place, product_id, at), None
    for partition in range(_PARTITIONS):
        for place, product_id in enumerate((f"end_{partition}_a", f"end_{partition}_b")):
            yield _view(f"end_{partition}", place, product_id, datetime.now(UTC)), partition
        # Later by more than a visit's gap: it ends all visits of its partition, also the one above.
        later = datetime.now(UTC) + timedelta(hours=1)
        yield _view(f"later_{partition}", 0, "end_0_a", later), partition


def _view(visitor: str, place: int, product_id: str, at: datetime) -> Message:
    event = PageViewed(
        visitor_id=visitor, view_id=f"v{place}", page=f"/products/{product_id}", product_id=product_id, at=at
    )
    return encode(envelope_for(Fact(event, 0), "session"), event)


def _ends() -> list[str]:
    return [f"end_{partition}_{side}" for partition in range(_PARTITIONS) for side in "ab"]


def _card(product_id: str) -> Document:
    price = {"amount": 1250, "currency": "GBP"}
    told = {"title": f"Product {product_id}", "price": price, "image_url": None, "available": True}
    return {"_id": product_id, "sequence": 1, "gone": False, **told}


def _score(product_id: str, place: int, now: datetime) -> Document:
    told = {"popularity": 1000 / (place + 1), "trend": 1.0, "rank": -float(place)}
    return {"_id": product_id, **told, "at": now, "checked_at": now, "version": 1}


def _pairs(sessions: Sequence[Sequence[str]]) -> list[Document]:
    counts = Counter(
        tuple(sorted((one, other)))
        for session in sessions
        for one, other in pairwise(session)
        if one != other
    )
    return [
        {"_id": "|".join(pair), "products": list(pair), "together": count} for pair, count in counts.items()
    ]


def _await_learned(port: int) -> None:
    """Wait until the last session of each partition is known: then all others are."""
    deadline = time.monotonic() + _LEARNED_WITHIN
    waiting = set(range(_PARTITIONS))
    while waiting:
        for partition in list(waiting):
            path = f"/v1/recommendations?placement=product&product_id=end_{partition}_a"
            items: list[dict[str, Any]] = json.loads(_ask(port, path))["items"]
            if any(item["product_id"] == f"end_{partition}_b" for item in items):
                waiting.discard(partition)
        if time.monotonic() > deadline:
            raise NotReadyError("analytics", "it did not learn the sessions in time", "")
        time.sleep(0.2)


def _ask(port: int, path: str) -> bytes:
    connection = HTTPConnection(LOOPBACK, port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"no recommendation: {answer.status}")
    return body
