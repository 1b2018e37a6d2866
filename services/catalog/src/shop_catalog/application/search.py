"""Searching: the index is asked in a thread, the database says what still holds, and others hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

from shop_catalog.application.clock import now
from shop_catalog.application.popular_searches import PopularSearches
from shop_catalog.application.shared_products import documents
from shop_catalog.domain.errors import SearchNotFound, SearchNotReady
from shop_catalog.domain.lists import Facets, Filters
from shop_catalog.domain.search import Findings, Part, Question, Search, Word, fits
from shop_catalog.store.documents import Document
from shop_catalog.store.product_documents import product_of, text_of
from shop_catalog.store.searches import KEPT
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.gathering import Gathered
from shop_events.ids import new_id

T = TypeVar("T")

_MOST_POPULAR = 4
_PAGES_AT_ONCE = 10
"""Pages whose products are read in one query, at most."""


class Finder(Protocol):
    """What finds products by words. Its calls block for some milliseconds."""

    @property
    def commits(self) -> int:
        """How often what is found may have changed so far."""

    def find(self, question: Question) -> Findings:
        """Return a page of what matches best."""

    def find_quickly(self, question: Question) -> Findings | None:
        """Return the same at once, None where that would block for longer."""

    def count(self, filters: Filters) -> Facets:
        """Return what lists of what is on sale can be narrowed down to."""

    def folded(self, text: str) -> str:
        """Return the words of a text as phrases have them."""

    def complete(self, text: str, limit: int) -> list[str]:
        """Return texts that begin with ``text`` and match something."""

    def mark(self, text: str, words: Sequence[Word], language: str) -> list[Part]:
        """Return a text in parts, so that what was looked for can be shown as such."""

    def excerpt(self, text: str, words: Sequence[Word], language: str) -> list[Part]:
        """Return the piece of a text where the first of the words is, in parts."""


@dataclass(frozen=True, slots=True)
class Result:
    """A product that was found, as its document, and what of title and description was looked for."""

    document: Document
    title: Sequence[Part]
    excerpt: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Page:
    """What a question is answered with. ``results`` are those of the findings that still fit."""

    search_id: str
    findings: Findings
    results: Sequence[Result]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What may be meant by the beginning of a question."""

    texts: Sequence[str]
    documents: Sequence[Document]


class SearchDesk:
    """Answers questions.

    Args:
        transact: where products are read, and searches are told.
        finder: returns the index, None as long as it does not hold all products.
        threads: makes the index' calls, so that the event loop goes on.
        popular: what many have asked.
    """

    def __init__(
        self,
        transact: Transact,
        finder: Callable[[], Finder | None],
        threads: Executor,
        popular: PopularSearches,
    ) -> None:
        self._popular = popular
        self._transact = transact
        self._finder = finder
        self._threads = threads
        self._told = Gathered(self._tell)
        self._read = Gathered(self._on_sale, _PAGES_AT_ONCE)
        self._under_way: dict[str, asyncio.Task[Findings]] = {}

    @property
    def state(self) -> str | None:
        """A name for what answers are made of beside the products; None where nothing can be found."""
        finder = self._finder()
        return None if finder is None else f"{finder.commits}.{self._popular.changes}"

    async def find(self, question: Question, visitor_id: str | None = None) -> Page:
        """Return what matches best; the search is told to others before it is answered.

        Raises:
            EmptySearch: there is no word in the question.
            SearchNotReady: the index is being built.
        """
        index = self._ready()
        findings = await self._findings(index, question)
        found, search_id = await asyncio.gather(
            self._fitting(findings, question), self.tell(findings, question.filters, visitor_id)
        )
        return Page(search_id, findings, _results(index, found, findings.words, question.language))

    async def tell(self, findings: Findings, filters: Filters, visitor_id: str | None = None) -> str:
        """Tell others that somebody was shown what was found; return the id of the search."""
        visitor = visitor_id or new_id("anon")
        search = Search.perform(new_id("sch"), visitor, filters, findings, now())
        await self._told(search)
        return search.id

    async def count(self, filters: Filters) -> Facets:
        """Count what lists of what is on sale can be narrowed down to, as of a moment ago.

        Raises:
            CurrencyNeeded: prices are to be compared, and no currency is named.
            SearchNotReady: the index is being built.
        """
        filters.assert_clear()
        return await self._in_thread(self._ready().count, filters)

    async def suggest(self, text: str, limit: int, language: str) -> Suggestions:
        """Return how the text may go on, first as others have gone on, and products that are meant already.

        Nobody is told.

        Raises:
            EmptySearch, SearchNotReady: as with :meth:`find`.
        """
        index, question = self._ready(), Question(text=text, limit=limit, language=language)
        findings = await self._findings(index, question)
        popular = self._popular.beginning(index.folded(text), _MOST_POPULAR)
        completed = await self._in_thread(index.complete, text, limit)
        texts = list(dict.fromkeys([*popular, *completed]))[:limit]
        return Suggestions(texts, await self._fitting(findings, question))

    async def choose(self, search_id: str, product_id: str) -> None:
        """Note that a result was opened; again changes nothing.

        Raises:
            SearchNotFound: there is no such search, or it is too long ago.
            NotAResult: the product is none of its results.
        """
        await self._transact(_choose, search_id, product_id)

    def _ready(self) -> Finder:
        finder = self._finder()
        if finder is None:
            raise SearchNotReady("The index is being built.")
        return finder

    async def _findings(self, index: Finder, question: Question) -> Findings:
        """Ask the index, once for all who want to know the same at the same time.

        What it knows at once is asked right here: a thread would wait longer for the interpreter.
        """
        if (findings := index.find_quickly(question)) is not None:
            return findings
        name = f"{index.commits} {question!r}"
        if (task := self._under_way.get(name)) is None:
            task = asyncio.create_task(self._in_thread(index.find, question))
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name))
        return await asyncio.shield(task)

    async def _in_thread(self, call: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    async def _fitting(self, findings: Findings, question: Question) -> list[Document]:
        """Return the products as they are: what was taken off sale or sold out since is left out."""
        by_id = await self._read(findings.product_ids) if findings.product_ids else {}
        ordered = [by_id[each] for each in findings.product_ids if each in by_id]
        if not question.filters.are_of_variants:
            return ordered
        return [each for each in ordered if fits(product_of(each), question.filters)]

    async def _on_sale(self, pages: Sequence[Sequence[str]]) -> Sequence[Mapping[str, Document]]:
        """Read what is on sale of the pages of one moment in one go, by id; each page gets all of it."""
        wanted = list(dict.fromkeys(chain.from_iterable(pages)))
        found = {each["_id"]: each for each in await self._transact.read(documents, wanted)}
        return [found] * len(pages)

    async def _tell(self, searches: Sequence[Search]) -> Sequence[None]:
        """Store the searches of one moment, and their events, in one transaction."""
        await self._transact(_add, searches)
        return [None] * len(searches)


def _results(index: Finder, found: Sequence[Document], words: Sequence[Word], language: str) -> list[Result]:
    results = []
    for document in found:
        text = text_of(document, language)
        title, piece = text["title"], text["description"]
        results.append(
            Result(document, index.mark(title, words, language), index.excerpt(piece, words, language))
        )
    return results


async def _add(uow: CatalogUnitOfWork, searches: Sequence[Search]) -> None:
    await uow.add_searches(searches)


async def _choose(uow: CatalogUnitOfWork, search_id: str, product_id: str) -> None:
    search = await uow.searches.get(search_id)
    if search is None or search.at < now() - KEPT:
        raise SearchNotFound
    search.choose(product_id, now())
    await uow.save_search(search)
