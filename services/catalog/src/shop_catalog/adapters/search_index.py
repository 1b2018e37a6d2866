"""The index of products: tantivy, in a folder of this process alone.

Calls block, for milliseconds, without holding the interpreter; :mod:`shop_catalog.application.search` makes
them in threads. One thread writes; what it wrote is found once it is committed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tantivy import Document, Index, Occur, Query, Searcher

from shop_catalog.adapters.search_facets import facets, listed
from shop_catalog.adapters.search_offers import choices, offers
from shop_catalog.adapters.search_queries import THERE, Asked, register_tokenizers, schema
from shop_catalog.adapters.search_text import FOLDED, STEMMED, base, excerpt, marked
from shop_catalog.domain import lists
from shop_catalog.domain.errors import EmptySearch
from shop_catalog.domain.lists import Filters
from shop_catalog.domain.reviews import RATINGS
from shop_catalog.domain.search import (
    DEEPEST,
    Findings,
    Form,
    Match,
    Part,
    Place,
    Question,
    Searchable,
    Word,
    phrase_of,
)

_WRITER_BYTES = 32_000_000
_SLACK = 64
"""How far the product shown last may have moved up or down until the next page is asked for."""

_CANDIDATES = 40


class SearchIndex:
    """Products by their words.

    Args:
        folder: is empty or does not exist, and nobody else's.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._index = Index(schema(), path=str(folder))
        register_tokenizers(self._index)
        self._index.config_reader("manual")
        self._schema = self._index.schema
        self._writer = self._index.writer(_WRITER_BYTES, 1)
        self._commits = 0
        self._languages: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many products can be found."""
        return int(self._index.searcher().num_docs)

    @property
    def commits(self) -> int:
        """How often what is found may have changed so far. It grows after that happened, so what was found
        under one number is never older than it."""
        return self._commits

    def clear(self) -> None:
        """Forget all products; until the commit they are found nevertheless."""
        self._writer.delete_all_documents()

    def put(self, products: Iterable[Searchable]) -> None:
        """Add products that are not there."""
        for product in products:
            spoken = {base(each.language) for each in product.descriptions}
            self._languages |= spoken.intersection(STEMMED)  # before any of it can be found
            self._writer.add_document(Document.from_dict(_document(product), self._schema))

    def drop(self, product_ids: Iterable[str]) -> None:
        """Take products out."""
        for product_id in product_ids:
            self._writer.delete_documents_by_term("id", product_id)

    def commit(self) -> None:
        """Let everything that was written be found."""
        self._writer.commit()
        self._index.reload()
        self._commits += 1

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self._writer.rollback()

    def find(self, question: Question) -> Findings:
        """Return a page of what matches best: all words if any product has them, else some, or similar ones.

        Raises:
            EmptySearch: there is no word in the text.
        """
        return self._found(self._asked(question))

    def count(self, filters: Filters) -> lists.Facets:
        """Count what lists of what is on sale can be narrowed down to."""
        question = Question(text="", filters=filters)
        return listed(Asked(self._index, self._index.searcher(), question, self._languages))

    def find_quickly(self, question: Question) -> Findings | None:
        """Return the same, None where that might take longer than a millisecond.

        Raises EmptySearch.
        """
        asked = self._asked(question)
        return self._found(asked) if asked.is_quick else None

    def _asked(self, question: Question) -> Asked:
        asked = Asked(self._index, self._index.searcher(), question, self._languages)
        if not asked.words:
            raise EmptySearch("There is no word in it, or only such as are too long.")
        return asked

    def _found(self, asked: Asked) -> Findings:
        searcher, question = asked.searcher, asked.question
        query, match = asked.all_words(), "all"
        hits, total = self._hits(asked, query)
        if not total and not searcher.search(query, 1, count=False).hits:
            query, match = asked.some_words(), "some"
            hits, total = self._hits(asked, query)
        ids, skipped, more = self._page(searcher, hits, question)
        return Findings(
            words=asked.words,
            match=_match(match, total),
            product_ids=ids,
            skipped=skipped,
            more=more and skipped + len(ids) < min(total, DEEPEST),
            total=total,
            facets=facets(asked, query, total),
            phrase=phrase_of(question.text, asked.words),
        )

    def folded(self, text: str) -> str:
        """Return the words of a text as phrases have them."""
        return " ".join(FOLDED.analyze(text))

    def complete(self, text: str, limit: int) -> list[str]:
        """Return up to ``limit`` texts that begin with ``text`` and match something, the likeliest first."""
        words = FOLDED.analyze(text)
        if not words or not text[-1:].isalnum():
            return []
        searcher = self._index.searcher()
        counts = searcher.terms_with_prefix("title", words[-1])
        likely = heapq.nlargest(_CANDIDATES, counts, key=lambda each: each[1])
        before = [(Occur.Must, Query.term_query(self._schema, "title", word, "freq")) for word in words[:-1]]
        if before:
            likely = [(term, self._together(searcher, before, term)) for term, _ in likely]
        best = heapq.nlargest(limit, (each for each in likely if each[1]), key=lambda each: each[1])
        return [" ".join([*words[:-1], term]) for term, _ in best]

    def mark(self, text: str, words: Sequence[Word], language: str) -> list[Part]:
        """Return a text in parts, so that what was looked for can be shown as such."""
        return marked(text, words, language)

    def excerpt(self, text: str, words: Sequence[Word], language: str) -> list[Part]:
        """Return the piece of a text where the first of the words is, in parts."""
        piece = excerpt(text, words, language)
        return marked(piece, words, language) if piece else []

    def _together(self, searcher: Searcher, before: Sequence[tuple[Occur, Query]], term: str) -> int:
        last = (Occur.Must, Query.term_query(self._schema, "title", term, "freq"))
        found = searcher.search(Query.boolean_query([*before, last]), 1)
        return _count(found)

    def _hits(self, asked: Asked, query: Query) -> tuple[list[Any], int]:
        question = asked.question
        window = min(question.after.skipped + question.limit + _SLACK, DEEPEST + _SLACK)
        found = asked.searcher.search(asked.narrowed(query, asked.filters), window, weight_by_field="weight")
        return [address for _, address in found.hits], _count(found)

    def _page(
        self, searcher: Searcher, hits: Sequence[Any], question: Question
    ) -> tuple[list[str], int, bool]:
        """Return the ids of a page, how many are before it, and whether something is behind it."""
        start = self._start(searcher, hits, question.after)
        end = min(start + question.limit, DEEPEST)
        return [_id_at(searcher, hit) for hit in hits[start:end]], start, len(hits) > end

    def _start(self, searcher: Searcher, hits: Sequence[Any], after: Place) -> int:
        """Return where the page begins: behind the product shown last, which may have moved meanwhile."""
        if not after.skipped:
            return 0
        nearest = sorted(
            range(max(0, after.skipped - _SLACK), min(len(hits), after.skipped + _SLACK)),
            key=lambda place: abs(place + 1 - after.skipped),
        )
        moved = (place + 1 for place in nearest if _id_at(searcher, hits[place]) == after.product_id)
        return next(moved, after.skipped)


def _document(product: Searchable) -> dict[str, Any]:
    there = [form for form in product.forms if form.available]
    document: dict[str, Any] = {
        "id": product.product_id,
        "title": [each.title for each in product.descriptions],
        "text": [*(each.text for each in product.descriptions), *product.keywords],
        "sku": list(product.skus),
        "category": list(product.categories),
        "category_id": [each.partition("=")[0] for each in product.categories],
        "attribute": list(product.attributes),
        "available": bool(there),
        "rating": [str(least) for least in RATINGS if least <= (product.rating or 0)],
        **_held(product.forms, ""),
        **_held(there, THERE),
        "weight": _stored(product.weight),
    }
    for language, title, text in product.descriptions:
        if base(language) in STEMMED:
            document[f"title_{base(language)}"] = title
            document[f"text_{base(language)}"] = [text, *product.keywords]
    return document


def _held(forms: Sequence[Form], which: str) -> dict[str, Any]:
    """Return what some of a product's variants say, for the fields whose names end in ``which``."""
    prices: dict[str, set[int]] = {}
    for currency, amounts in chain.from_iterable(form.prices.items() for form in forms):
        prices.setdefault(currency, set()).update(amounts)
    return {
        f"option{which}": list(dict.fromkeys(chain.from_iterable(form.options for form in forms))),
        f"choice{which}": choices(forms),
        f"offer{which}": offers(forms),
        f"prices{which}": {currency: sorted(amounts) for currency, amounts in prices.items()},
    }


def _stored(weight: float) -> float:
    """Return what the engine makes a factor of ``weight`` of: it multiplies by the logarithm of 2 + it."""
    return float(max(2.0**weight - 2.0, 0.0))


def _count(found: Any) -> int:
    return int(found.count)


def _match(match: Match | str, total: int) -> Match:
    if not total:
        return "none"
    return "all" if match == "all" else "some"


def _id_at(searcher: Searcher, address: Any) -> str:
    return str(searcher.doc(address)["id"][0])
