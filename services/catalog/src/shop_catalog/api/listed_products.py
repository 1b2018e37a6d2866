"""Lists of products as answers, made of the documents as they are stored: the JSON of ``ProductView``.

Building twenty products and twenty views first would take several times as long as reading them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from shop_catalog.application.lists import ProductPage
from shop_catalog.domain.lists import Sort, Spot
from shop_catalog.domain.reviews import RATINGS, Tally
from shop_catalog.store.product_documents import language_of, text_of
from shop_chassis.http import encode_cursor

VARY = "Accept-Language, Authorization"

Document = Mapping[str, Any]


class ListAnswer(NamedTuple):
    """An answered list."""

    tag: str
    body: bytes

    @classmethod
    def of(cls, body: bytes) -> ListAnswer:
        """Return an answer with a tag made of what is in it."""
        return cls(f'"b{blake2b(body, digest_size=12).hexdigest()}"', body)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that it has in common with saying that it has not changed."""
        return {"ETag": self.tag, "Vary": VARY}


def list_answer(page: ProductPage, sort: Sort, accepted: str) -> ListAnswer:
    """Return part of a list, each product in the language that an Accept-Language header asks for."""
    following = None if page.next is None else cursor_at(sort, page.next)
    return answer_of([shown(each, accepted) for each in page.documents], following)


def answer_of(items: Sequence[Mapping[str, Any]], next_cursor: str | None) -> ListAnswer:
    """Return a list of what is shown already."""
    return ListAnswer.of(orjson.dumps({"items": items, "next_cursor": next_cursor}))


def cursor_at(sort: Sort, spot: Spot) -> str:
    """Return the cursor of what is behind a place."""
    return encode_cursor(sort.value, repr(spot.value), spot.product_id)


def shown(product: Document, accepted: str = "") -> dict[str, Any]:
    """Return how a product is shown, in the language that an Accept-Language header asks for."""
    variants, text = product["variants"], text_of(product, accepted)
    media = product["media"] or [each for variant in variants for each in variant["media"]]
    path = product["category_path"]
    return {
        "id": product["_id"],
        "sku": variants[0]["sku"],
        "title": text["title"],
        "description": text["description"],
        "category": path[-1]["name"] if path else None,
        "price": min((variant["prices"][0] for variant in variants), key=_amount),
        "image_url": media[0]["url"] if media else None,
        "available": any(variant["available"] for variant in variants),
        "language": language_of(product, accepted),
        "languages": [product["language"], *sorted(product["translations"])],
        "category_path": path,
        "attributes": product["attributes"],
        "media": product["media"],
        "variants": [_variant(each) for each in variants],
        "reference": product["reference"],
        "status": product["status"],
        "reviews": _reviews(product),
    }


def _variant(variant: Document) -> dict[str, Any]:
    return {
        "id": variant["id"],
        "sku": variant["sku"],
        "options": variant["options"],
        "prices": variant["prices"],
        "attributes": variant["attributes"],
        "media": variant["media"],
        "weight_grams": variant["weight_grams"],
        "available": variant["available"],
    }


def _reviews(product: Document) -> dict[str, Any]:
    known = product.get("reviews")
    return _tallied(known) if known else _UNREVIEWED


def _tallied(known: Document) -> dict[str, Any]:
    ratings = {name: known.get("ratings", {}).get(name, 0) for name in _RATINGS}
    tally = Tally(tuple(ratings.values()), known.get("recommended", 0))
    return {
        "count": tally.count,
        "mean": tally.mean,
        "ratings": ratings,
        "recommended": tally.recommended,
    }


_RATINGS = [str(rating) for rating in RATINGS]
_UNREVIEWED = _tallied({})


def _amount(price: Document) -> int:
    amount: int = price["amount"]
    return amount
