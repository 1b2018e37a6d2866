"""Searches past FastAPI, and answers kept ready: what was asked before is told of, and answered again.

What an answer was made of is void with the next change of any product, or commit of the index.
"""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Request

from shop_catalog.api.found_products import PageAnswer, page_answer
from shop_catalog.api.kept_answers import Keeper, KeptAnswers
from shop_catalog.api.plain_questions import question_of
from shop_catalog.api.plain_reads import LONGEST_QUERY, Scope
from shop_catalog.application.search import SearchDesk
from shop_catalog.domain.search import Question
from shop_chassis.direct import Ready, Shortcut

VISITOR = r"^vst_[0-9a-f]{32}$"
_VISITOR = re.compile(VISITOR.encode())
_JSON = (b"content-type", b"application/json")
_ANEW = frozenset({b"cache-control", b"pragma"})
"""Sent by those who want an answer made anew (RFC 9111, 5.2.1)."""

Answer = PageAnswer | bytes
Kept = KeptAnswers[Answer]


class PlainSearches:
    """Answers searches, and suggestions that were asked for before.

    Args:
        desk: finds, and tells of each search.
        kept: holds answers.
    """

    def __init__(self, desk: SearchDesk, kept: Kept) -> None:
        self._desk = desk
        self.kept = kept

    @property
    def shortcuts(self) -> list[Shortcut]:
        """Past FastAPI's routes."""
        return [Shortcut("/v1/search", self.results), Shortcut("/v1/search/suggestions", self.suggestions)]

    async def results(self, scope: Scope, _: str) -> Ready | None:
        """Show a page of results: one that was shown before, or the first of a new question.

        Raises what the route does.
        """
        visitors = [value for name, value in scope["headers"] if name == b"visitor-id"]
        if len(visitors) > 1 or not all(map(_VISITOR.fullmatch, visitors)) or not _is_plain(scope):
            return None
        visitor_id = visitors[0].decode() if visitors else None
        answer = self._find(scope)
        if isinstance(answer, PageAnswer):
            return _ready(answer.under(await self._desk.tell(answer.findings, answer.filters, visitor_id)))
        question = question_of(scope["query_string"])
        return None if question is None else _ready(await self.show(question, visitor_id, self.keeper(scope)))

    async def show(self, question: Question, visitor_id: str | None, keeper: Keeper[Answer]) -> bytes:
        """Return the answer to a question, and keep it.

        Raises:
            EmptySearch: there is no word in the question.
            SearchNotReady: the index is being built.
        """
        page = await self._desk.find(question, visitor_id)
        answer = page_answer(page, question)
        keeper.keep(answer, len(answer.body))
        return answer.under(page.search_id)

    async def suggestions(self, scope: Scope, _: str) -> Ready | None:
        """Suggest the same again."""
        answer = self._find(scope) if _is_plain(scope) else None
        return _ready(answer) if isinstance(answer, bytes) else None

    def keeper(self, scope: Scope) -> Keeper[Answer]:
        """Return what keeps the answer to a request."""
        return Keeper(self.kept, self._key(scope))

    def _find(self, scope: Scope) -> PageAnswer | bytes | None:
        key = self._key(scope)
        return None if key is None else self.kept.find(key)

    def _key(self, scope: Scope) -> str | None:
        """Return a name for what is asked and the index it is asked of; None where nothing is to be kept."""
        query, state = scope["query_string"], self._desk.state
        if state is None or len(query) > LONGEST_QUERY:
            return None
        return f"{state} {scope['path']} {query.decode('latin-1')}"


def _is_plain(scope: Scope) -> bool:
    return not any(name in _ANEW for name, _ in scope["headers"])


def _ready(body: bytes) -> Ready:
    return Ready(200, [(b"content-length", str(len(body)).encode()), _JSON], body)


async def _searches(request: Request) -> PlainSearches:
    return cast(PlainSearches, request.app.state.searches)


async def _keeper(request: Request) -> Keeper[Answer]:
    return (await _searches(request)).keeper(request.scope)


Searches = Annotated[PlainSearches, Depends(_searches)]
Keeping = Annotated[Keeper[Answer], Depends(_keeper)]
"""What keeps the answer to a search; made before the index is asked."""
