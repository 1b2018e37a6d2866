"""How questions are put to the index. Nothing here parses what people typed: it is cut into words first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from dataclasses import field as filled
from functools import cached_property

from tantivy import FieldType, Index, Occur, Query, Schema, SchemaBuilder, Searcher

from shop_catalog.adapters.search_offers import Choice, offered, wanted_choices
from shop_catalog.adapters.search_text import (
    CODES,
    FOLDED,
    SHORTEST_PREFIX,
    STEMMED,
    STEMMERS,
    distance,
    is_small,
    stem,
)
from shop_catalog.domain.lists import Filters, PriceRange
from shop_catalog.domain.products import MAX_AMOUNT
from shop_catalog.domain.search import MOST_WORDS, Question, Word

THERE = "_there"
"""How the names of fields end that hold what is said of variants in stock alone."""

_TITLE, _TITLE_STEM, _TEXT, _TEXT_STEM, _CODE = 3.0, 2.5, 1.2, 1.0, 20.0
_SIMILAR, _BEGINNING = 0.5, 0.8
_TIE = 0.2
_FEW = 1000

Term = tuple[str, str, float]
"""Field, word, and what it counts there."""


def schema() -> Schema:
    """Return the fields of the index: what is looked up, then what is filtered, counted and ranked by."""
    builder = SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", tokenizer_name="folded", index_option="freq")
    builder.add_text_field("text", tokenizer_name="folded", index_option="freq")
    for language in STEMMED:
        builder.add_text_field(f"title_{language}", tokenizer_name=language, index_option="freq")
        builder.add_text_field(f"text_{language}", tokenizer_name=language, index_option="freq")
    builder.add_text_field("sku", tokenizer_name="codes", index_option="basic")
    for name in ("category", "attribute", "option", f"option{THERE}", "rating"):
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("category_id", tokenizer_name="raw", index_option="basic")
    builder.add_boolean_field("available", indexed=True, fast=True)
    for which in ("", THERE):
        builder.add_text_field(f"choice{which}", tokenizer_name="raw", index_option="basic")
        builder.add_unsigned_field(f"offer{which}", indexed=True)
        builder.add_json_field(f"prices{which}", fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_float_field("weight", fast=True)
    return builder.build()


def register_tokenizers(index: Index) -> None:
    """Teach an index the words of all languages."""
    index.register_tokenizer("folded", FOLDED)
    index.register_tokenizer("codes", CODES)
    for language, analyzer in STEMMERS.items():
        index.register_tokenizer(language, analyzer)


@dataclass(frozen=True, slots=True)
class Token:
    """What stands between spaces in a question: some words, and all of it where it is a product's code."""

    words: tuple[Word, ...]
    code: str | None


@dataclass
class Asked:
    """A question, as far as one state of the index understands it.

    Args:
        languages: those that any product may be described in.
    """

    index: Index
    searcher: Searcher
    question: Question
    languages: Collection[str]
    _known: dict[str, list[Query]] = filled(default_factory=dict)

    @cached_property
    def words(self) -> list[Word]:
        """The words that are looked up, and whether the index has them."""
        return [word for token in self._tokens for word in token.words]

    @property
    def is_quick(self) -> bool:
        """Whether so few products can match that finding them takes less than handing the question on."""
        if self.filters.price != PriceRange() or not all(word.known for word in self.words):
            return False
        return min((self._common(word.text) for word in self.words), default=0) <= _FEW

    def all_words(self) -> Query:
        """Return a query for products that have all words, small ones apart; unknown ones may be similar."""
        required = [each for token in self._tokens for each in self._required(token)]
        if all(occur is Occur.Should for occur, _ in required):
            required = [(Occur.Must, query) for _, query in required]
        return Query.boolean_query(required)

    def some_words(self) -> Query:
        """Return a query for products that have half of the words, or similar ones."""
        queries = [query for token in self._tokens for query in self._similar(token)]
        return Query.boolean_query(
            [(Occur.Should, each) for each in queries],
            minimum_number_should_match=(len(queries) + 1) // 2,
        )

    @cached_property
    def _tokens(self) -> list[Token]:
        """What stands between spaces, each word once, and no more words than are looked up."""
        tokens: list[Token] = []
        seen: set[str] = set()
        for text in CODES.analyze(self.question.text):
            new = [word for word in dict.fromkeys(FOLDED.analyze(text)) if word not in seen]
            new = new[: MOST_WORDS - len(seen)]
            seen.update(new)
            if new:
                words = tuple(Word(word, bool(self._exact(word))) for word in new)
                tokens.append(Token(words, text if self.searcher.doc_freq("sku", text) else None))
        return tokens

    @cached_property
    def filters(self) -> Filters:
        """What results are narrowed down by."""
        return self.question.filters

    def narrowed(self, query: Query, filters: Filters) -> Query:
        """Return a query with filters on top, which do not change what is found first."""
        kept = self._of_products(filters)
        if of_variants := self._of_variants(filters):
            kept.append(of_variants)
        return Query.boolean_query(
            [(Occur.Must, query), *((Occur.Must, Query.const_score_query(each, 0.0)) for each in kept)]
        )

    def _of_products(self, filters: Filters) -> list[Query]:
        made = [
            Query.term_set_query(self._schema, "attribute", [f"{name}={value}" for value in values])
            for name, values in filters.attributes.items()
        ]
        if filters.category_id is not None:
            made.append(self._term("category_id", filters.category_id))
        if filters.rating is not None:
            made.append(self._term("rating", str(filters.rating)))
        return made

    def _of_variants(self, filters: Filters) -> Query | None:
        """Return what must hold of one and the same variant."""
        which = THERE if filters.in_stock else ""
        wanted = wanted_choices(filters.options)
        if filters.price != PriceRange():
            return self._every([self._offered(some, filters, f"offer{which}") for some in wanted or [[""]]])
        if wanted:
            field = f"choice{which}"
            return self._every([Query.term_set_query(self._schema, field, some) for some in wanted])
        return self._term("available", value=True) if filters.in_stock else None

    def _offered(self, wanted: Sequence[Choice], filters: Filters, field: str) -> Query:
        """Return a query for products with a price in the range under one of the choices."""
        assert filters.currency is not None
        least, most = filters.price.at_least, filters.price.at_most
        ranges = [
            Query.range_query(
                self._schema,
                field,
                FieldType.Unsigned,
                offered(choice, filters.currency, least or 0),
                offered(choice, filters.currency, MAX_AMOUNT if most is None else most),
            )
            for choice in wanted
        ]
        return Query.boolean_query([(Occur.Should, each) for each in ranges])

    @staticmethod
    def _every(queries: Sequence[Query]) -> Query:
        return Query.boolean_query([(Occur.Must, each) for each in queries])

    @property
    def _schema(self) -> Schema:
        return self.index.schema

    def _term(self, field: str, value: str | bool, boost: float = 1.0) -> Query:
        option = "freq" if field.startswith(("title", "text")) else "basic"
        return Query.boost_query(Query.term_query(self._schema, field, value, option), boost)

    def _occur(self, word: Word) -> Occur:
        return Occur.Should if is_small(word.text, self.question.language) else Occur.Must

    def _exact(self, word: str) -> list[Query]:
        """Return a query for each field that has the word, or its stem in the field's language."""
        if word not in self._known:
            self._known[word] = [self._term(*term) for term, often in self._terms(word) if often]
        return self._known[word]

    def _common(self, word: str) -> int:
        """Return how many products have a word, at most."""
        return sum(often for _, often in self._terms(word))

    def _terms(self, word: str) -> list[tuple[Term, int]]:
        """Return each field that may have the word, what it is there, its weight, and how many have it."""
        terms: list[Term] = [("title", word, _TITLE), ("text", word, _TEXT)]
        for language in self.languages:
            stemmed = stem(word, language)
            terms += [
                (f"title_{language}", stemmed, _TITLE_STEM),
                (f"text_{language}", stemmed, _TEXT_STEM),
            ]
        return [(term, self.searcher.doc_freq(*term[:2])) for term in terms]

    def _word(self, word: Word, *, fuzzy: bool) -> Query:
        queries = self._exact(word.text)
        if fuzzy or not queries:
            queries = [*queries, *self._like(word.text)]
        return Query.disjunction_max_query(queries, _TIE) if queries else Query.empty_query()

    def _like(self, word: str) -> list[Query]:
        made = []
        for field in ("title", "text"):
            if most := distance(word):
                made.append(Query.boost_query(self._fuzzy(field, word, most), _SIMILAR))
            if len(word) >= SHORTEST_PREFIX:
                made.append(Query.boost_query(self._fuzzy(field, word, 0, prefix=True), _BEGINNING))
        return made

    def _fuzzy(self, field: str, word: str, most: int, *, prefix: bool = False) -> Query:
        return Query.fuzzy_term_query(self._schema, field, word, distance=most, prefix=prefix)

    def _required(self, token: Token) -> list[tuple[Occur, Query]]:
        if token.code is not None:
            return [(Occur.Must, self._or_code(token, token.code))]
        return [(self._occur(word), self._word(word, fuzzy=False)) for word in token.words]

    def _similar(self, token: Token) -> list[Query]:
        if token.code is not None:
            return [self._or_code(token, token.code)]
        return [self._word(word, fuzzy=True) for word in token.words]

    def _or_code(self, token: Token, code: str) -> Query:
        words = [(Occur.Must, self._word(word, fuzzy=False)) for word in token.words]
        by_code = Query.const_score_query(self._term("sku", code), _CODE)
        return Query.boolean_query([(Occur.Should, Query.boolean_query(words)), (Occur.Should, by_code)])
