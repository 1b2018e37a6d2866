"""The reads that most visitors make, past FastAPI: a product, and a list, for whoever is not signed in.

They answer as the routes do, byte by byte; what is not plain is left to these.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Annotated, Any, NamedTuple, cast

from fastapi import Depends, Request, Response

from shop_catalog.api.kept_answers import KeptAnswers
from shop_catalog.api.requests import LONGEST_ID
from shop_catalog.api.shown_products import Shown, ShownProduct
from shop_catalog.application.shared_products import SharedProducts
from shop_chassis.direct import Ready, Shortcut
from shop_chassis.http import names

LONGEST_HEADER = 500
LONGEST_QUERY = 1000
_JSON = (b"content-type", b"application/json")
_NOT_PLAIN = frozenset({b"authorization", b"cache-control", b"pragma"})
"""Of those who may see more than others, and of those who want an answer made anew (RFC 9111, 5.2.1)."""

Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]


class ListAnswer(NamedTuple):
    """An answered list, ready to be given again."""

    tag: str
    headers: Headers
    body: bytes


Kept = KeptAnswers[ShownProduct | ListAnswer]


class PlainReads:
    """Shows products and lists to visitors.

    Args:
        products: reads single products.
        kept: holds answers; shared with the routes, which put lists into it.
    """

    def __init__(self, products: SharedProducts, kept: Kept) -> None:
        self._products = products
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
        """Repeat a list that is known."""
        said, key = _plain(scope), list_key(scope)
        if said is None or key is None:
            return None
        kept = self.kept.find(key)
        if not isinstance(kept, ListAnswer):
            return None
        if names(said[0], kept.tag):
            return Ready(304, kept.headers)
        return Ready(200, [*kept.headers, _length(kept.body), _JSON], kept.body)

    async def _read(self, product_id: str) -> ShownProduct:
        mark = self.kept.mark()
        shown = ShownProduct(await self._products.show(product_id))
        if self.kept.is_open:
            self.kept.keep(product_id, shown, shown.size, mark)
        return shown


class ListKeeper:
    """Keeps the list that a route is about to answer."""

    def __init__(self, kept: Kept, key: str | None) -> None:
        self._kept = kept
        self._key = key
        self._mark = kept.mark()

    def keep(self, answer: Response) -> None:
        """Keep an answer that anybody might get."""
        if answer.status_code != 200 or self._key is None:
            return
        kept = [each for each in answer.raw_headers if each[0] not in (b"content-length", b"content-type")]
        shown = ListAnswer(answer.headers["etag"], kept, bytes(answer.body))
        self._kept.keep(self._key, shown, len(shown.body), self._mark, of_all=True)


async def _keeper(request: Request) -> ListKeeper:
    reads = cast(PlainReads, request.app.state.reads)
    return ListKeeper(reads.kept, list_key(request.scope))


Keeping = Annotated[ListKeeper, Depends(_keeper)]
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


def _answer(shown: Shown, if_none_match: str) -> Ready:
    headers = raw(shown.headers)
    if if_none_match and names(if_none_match, shown.tag):
        return Ready(304, headers)
    return Ready(200, [*headers, _length(shown.body), _JSON], shown.body)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
