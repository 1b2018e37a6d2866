"""What the search index is made of, and kept up to date by: products as they are, and which changed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from shop_catalog.domain.search import Described, Form, Searchable, weight
from shop_catalog.store.documents import Document
from shop_catalog.store.products import PRODUCTS
from shop_catalog.store.reviews import tally_of

_FOUND = {"shown": True}
_NOT_RESUMABLE = {260, 280, 286}  # InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost
_MOST_CHANGES = 1000
_WATCHED: list[Mapping[str, Any]] = [
    {"$match": {"operationType": {"$in": ["insert", "update", "replace", "delete", "invalidate"]}}},
    {"$project": {"documentKey": 1}},
]

Token = Any


class HistoryLost(Exception):
    """The change stream cannot go on from its place: nobody knows what has changed since."""


class ProductChanges:
    """An open change stream over the products, read in batches of ids."""

    def __init__(self, stream: AsyncCollectionChangeStream[Document], patience: float) -> None:
        self._stream = stream
        self._patience = patience

    @property
    def token(self) -> Token:
        """The place to go on from, after everything that was returned."""
        return self._stream.resume_token

    async def next(self) -> list[str]:
        """Return which products have changed since; waits a moment for it, then there may be none.

        Raises:
            HistoryLost: the stream ended or lost its place.
            PyMongoError: MongoDB failed.
        """
        changed: dict[str, None] = {}
        deadline = time.monotonic() + self._patience
        try:
            while len(changed) < _MOST_CHANGES and (change := await self._stream.try_next()):
                if "documentKey" not in change:  # the collection was dropped or renamed
                    raise HistoryLost("the change stream ended")
                changed[change["documentKey"]["_id"]] = None
                if time.monotonic() > deadline:
                    break
        except OperationFailure as error:
            raise _lost(error) from error
        if not changed and not self._stream.alive:
            raise HistoryLost("the change stream ended")
        return list(changed)


class SearchableProducts:
    """The products that can be found."""

    def __init__(self, db: AsyncDatabase[Document], refresh: float) -> None:
        """Read ``db``; changes are gathered for ``refresh`` seconds at most."""
        self._products = db[PRODUCTS]
        self._refresh = refresh

    @asynccontextmanager
    async def changes(self, token: Token) -> AsyncIterator[ProductChanges]:
        """Open the change stream after ``token``, or from now on when it is None.

        Raises:
            HistoryLost: ``token`` is of no use any more.
            PyMongoError: MongoDB failed.
        """
        wait = max(int(self._refresh * 1000 / 2), 10)
        try:
            stream = await self._products.watch(_WATCHED, resume_after=token, max_await_time_ms=wait)
        except OperationFailure as error:
            raise _lost(error) from error
        async with stream:
            yield ProductChanges(stream, self._refresh)

    async def after(self, product_id: str, limit: int) -> list[Searchable]:
        """Return up to ``limit`` products in the order of their ids, from behind ``product_id``."""
        query = {"_id": {"$gt": product_id}, **_FOUND}
        found = self._products.find(query).sort("_id", 1).limit(limit)
        return [searchable_of(document) async for document in found]

    async def those(self, product_ids: Collection[str]) -> list[Searchable]:
        """Return those of ``product_ids`` that can be found, as they are now."""
        found = self._products.find({"_id": {"$in": list(product_ids)}, **_FOUND})
        return [searchable_of(document) async for document in found]


def searchable_of(document: Document) -> Searchable:
    """Return what a product is found by."""
    variants = document["variants"]
    path = document["category_path"]
    own = Described(document["language"], document["title"], document["description"])
    others = [
        Described(language, text["title"], text["description"])
        for language, text in document["translations"].items()
    ]
    said = [
        *document["attributes"].values(),
        *(value for each in variants for value in each["options"].values()),
    ]
    return Searchable(
        product_id=document["_id"],
        descriptions=[own, *others],
        keywords=[
            *(step["name"] for step in path),
            *(str(each) for each in said if not isinstance(each, bool)),
        ],
        skus=[each["sku"] for each in variants],
        categories=[f"{step['id']}={step['name']}" for step in path],
        attributes=document["facets"],
        forms=[_form(each) for each in variants],
        rating=tally_of(document).mean,
        weight=weight(document["popularity"], document["trend"], any(each["available"] for each in variants)),
    )


def _form(variant: Mapping[str, Any]) -> Form:
    prices: dict[str, list[int]] = {}
    for price in variant["prices"]:
        prices.setdefault(price["currency"], []).append(price["amount"])
    return Form(options=variant["chosen"], prices=prices, available=variant["available"])


def _lost(error: OperationFailure) -> Exception:
    return HistoryLost(f"code {error.code}") if error.code in _NOT_RESUMABLE else error
