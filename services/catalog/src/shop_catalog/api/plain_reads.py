"""The reads that most visitors make, past FastAPI: a product, and a list, for whoever is not signed in.

They answer as the routes do, byte by byte; what is not plain is left to these.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Annotated, Any, cast
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from shop_catalog.api.kept_answers import Keeper, KeptAnswers
from shop_catalog.api.listed_products import ListAnswer, list_answer
from shop_catalog.api.requests import LONGEST_ID
from shop_catalog.api.shown_products import Shown, ShownProduct
from shop_catalog.application.lists import ProductPage, Wanted
from shop_catalog.application.shared_products import SharedProducts
from shop_catalog.domain.lists import Filters, Sort
from shop_chassis.direct import Ready, Shortcut
from shop_chassis.http import names
from shop_events.gathering import Gathered

LONGEST_HEADER = 500
LONGEST_QUERY = 1000
_MOST_TOGETHER = 1000
_LIMIT = re.compile(r"[1-9][0-9]?|100")
_ORDERS = frozenset(sort.value for sort in Sort if not sort.is_by_price)
_JSON = (b"content-type", b"application/json")
_NOT_PLAIN = frozenset({b"authorization", b"cache-control", b"pragma"})
"""Of those who may see more than others, and of those who want an answer made anew (RFC 9111, 5.2.1)."""

Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]


Lists = Callable[[Wanted], Awaitable[ProductPage]]
"""Reads a list for whoever is not signed in."""

Answer = ShownProduct | ListAnswer
Kept = KeptAnswers[Answer]


class PlainReads:
    """Shows products and lists to visitors.

    Args:
        products: reads single products.
        lists: reads lists.
        kept: holds answers; shared with the routes, which put lists into it.
    """

    def __init__(self, products: SharedProducts, lists: Lists, kept: Kept) -> None:
        self._products = products
        self._lists = lists
        self._under_way: dict[str, Gathered[None, ListAnswer]] = {}
        self.kept = kept

    @property
    def shortcuts(self) -> list[Shortcut]:
        """Past FastAPI's routes."""
        return [Shortcut("/v1/products/{id}", self.product), Shortcut("/v1/products", self.list)]

    async def product(self, scope: Scope, product_id: str) -> Ready | None:
        """Show a product.

        Raises:
            ProductNotFound: there is none.
        """
        said = _plain(scope)
        if said is None or len(product_id) > LONGEST_ID:
            return None
        if_none_match, accept_language = said
        kept = self.kept.find(product_id)
        shown = kept if isinstance(kept, ShownProduct) else await self._read(product_id)
        return _answer(shown.to(accept_language), if_none_match)

    async def list(self, scope: Scope, _: str) -> Ready | None:
        """Show the first part of a list in a known order, of a category or all."""
        said, key = _plain(scope), list_key(scope)
        if said is None or key is None:
            return None
        kept = self.kept.find(key)
        if isinstance(kept, ListAnswer):
            return _answer(kept, said[0])
        wanted = _wanted(scope["query_string"])
        if wanted is None:
            return None
        return _answer(await self._asked_together(key, wanted, said[1]), said[0])

    async def _asked_together(self, key: str, wanted: Wanted, accepted: str) -> ListAnswer:
        """Read a list once for all who ask while it is read for those before them."""

        async def read(askers: Sequence[None]) -> Sequence[ListAnswer]:
            return [await self._list(key, wanted, accepted)] * len(askers)

        if key not in self._under_way:
            self._under_way[key] = Gathered(read, _MOST_TOGETHER, lambda: self._under_way.pop(key))
        return await self._under_way[key](None)

    async def _list(self, key: str, wanted: Wanted, accepted: str) -> ListAnswer:
        keeper = Keeper(self.kept, key)
        shown = list_answer(await self._lists(wanted), wanted.sort, accepted)
        keeper.keep(shown, len(shown.body))
        return shown

    async def _read(self, product_id: str) -> ShownProduct:
        mark = self.kept.mark()
        shown = ShownProduct(await self._products.show(product_id))
        if self.kept.is_open:
            self.kept.keep(product_id, shown, shown.size, mark)
        return shown


async def _keeper(request: Request) -> Keeper[Answer]:
    reads = cast(PlainReads, request.app.state.reads)
    return Keeper(reads.kept, list_key(request.scope))


Keeping = Annotated[Keeper[Answer], Depends(_keeper)]
"""What keeps the answer of a list; made before the list is read."""


def list_key(scope: Scope) -> str | None:
    """Return the name of the list that is asked for, None when it is too long to be kept."""
    query: bytes = scope["query_string"]
    languages = [value for name, value in scope["headers"] if name == b"accept-language"]
    key = b" ".join([b"list", query, *languages])
    return key.decode("latin-1") if len(key) <= LONGEST_QUERY else None


def raw(headers: dict[str, str]) -> Headers:
    """Return headers as the server takes them."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def _plain(scope: Scope) -> tuple[str, str] | None:
    """Return If-None-Match and Accept-Language of a request that anybody could make, None of any other."""
    if_none_match = accept_language = b""
    for name, value in scope["headers"]:
        if name in _NOT_PLAIN:
            return None
        if name == b"if-none-match":
            if if_none_match:
                return None
            if_none_match = value
        elif name == b"accept-language":
            if accept_language:
                return None
            accept_language = value
    if max(len(if_none_match), len(accept_language)) > LONGEST_HEADER:
        return None
    return if_none_match.decode("latin-1"), accept_language.decode("latin-1")


def _wanted(query: bytes) -> Wanted | None:
    """Return what a list is asked for, None where the route has to tell."""
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    asked = dict(said)
    if len(asked) < len(said) or not asked.keys() <= {"limit", "sort", "category_id"}:
        return None
    limit, sort = asked.get("limit", "20"), asked.get("sort", Sort.OLDEST.value)
    category_id = asked.get("category_id")
    if not _LIMIT.fullmatch(limit) or sort not in _ORDERS or len(category_id or "") > LONGEST_ID:
        return None
    return Wanted(Filters(category_id=category_id), Sort(sort), int(limit), None)


def _answer(shown: Shown | ListAnswer, if_none_match: str) -> Ready:
    headers = raw(shown.headers)
    if if_none_match and names(if_none_match, shown.tag):
        return Ready(304, headers)
    return Ready(200, [*headers, _length(shown.body), _JSON], shown.body)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
