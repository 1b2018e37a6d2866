"""Words as the index has them: folded, and stemmed by language; and which words of a text were meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz.distance import OSA
from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from shop_catalog.domain.search import Part, Word

STEMMED = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
"""Languages whose words are looked up by their stems; of others, words must be the same."""

_NO_STOP_WORDS = frozenset({"ar", "el", "ro", "ta", "tr"})
_LONGEST_WORD = 40
_WORD = re.compile(r"[^\W_]+")
_SHORTEST_FUZZY, _LONG = 4, 8
SHORTEST_PREFIX = 2


def _folding() -> TextAnalyzerBuilder:
    simple = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(_LONGEST_WORD))
    return simple.filter(Filter.lowercase()).filter(Filter.ascii_fold())


FOLDED: TextAnalyzer = _folding().build()
STEMMERS: dict[str, TextAnalyzer] = {
    language: _folding().filter(Filter.stemmer(name)).build() for language, name in STEMMED.items()
}
CODES: TextAnalyzer = TextAnalyzerBuilder(Tokenizer.whitespace()).filter(Filter.lowercase()).build()
_SMALL_WORDS: dict[str, TextAnalyzer] = {
    language: _folding().filter(Filter.stopword(name)).build()
    for language, name in STEMMED.items()
    if language not in _NO_STOP_WORDS
}


@lru_cache(20_000)
def folded(token: str) -> str:
    """Return a word as the index has it, empty for one that is too long."""
    return "".join(FOLDED.analyze(token))


def base(language: str) -> str:
    """Return the language that a tag such as ``de-AT`` belongs to."""
    return language.partition("-")[0].lower()


@lru_cache(20_000)
def stem(word: str, language: str) -> str:
    """Return the stem of a folded word."""
    return next(iter(STEMMERS[language].analyze(word)), word)


@lru_cache(1000)
def is_small(word: str, language: str) -> bool:
    """Say whether a language has the word in nearly every sentence."""
    analyzer = _SMALL_WORDS.get(base(language))
    return analyzer is not None and not analyzer.analyze(word)


def distance(word: str) -> int:
    """Return how many typing errors a word is forgiven."""
    if len(word) < _SHORTEST_FUZZY or not word.isalpha():
        return 0
    return 2 if len(word) >= _LONG else 1


def marked(text: str, words: Sequence[Word], language: str) -> list[Part]:
    """Return a text in parts, so that what was looked for can be shown as such."""
    parts: list[Part] = []
    shown, wanted = 0, tuple(words)
    for found in _WORD.finditer(text):
        if _is_meant(found.group(), wanted, language):
            if found.start() > shown:
                parts.append(Part(text[shown : found.start()], matched=False))
            parts.append(Part(found.group(), matched=True))
            shown = found.end()
    if shown < len(text) or not parts:
        parts.append(Part(text[shown:], matched=False))
    return parts


def excerpt(text: str, words: Sequence[Word], language: str, length: int = 160) -> str:
    """Return the piece of a text, about ``length`` long, that begins near the first word looked for."""
    head, wanted = text[:5000], tuple(words)
    hits = (each.start() for each in _WORD.finditer(head) if _is_meant(each.group(), wanted, language))
    first = next(hits, 0)
    start = head.rfind(" ", 0, max(first - length // 4, 0)) + 1
    piece = head[start : start + length]
    if start + length < len(text):
        piece = (piece.rpartition(" ")[0] or piece) + "…"
    return ("…" if start else "") + piece


@lru_cache(20_000)
def _is_meant(token: str, words: tuple[Word, ...], language: str) -> bool:
    found = folded(token)
    return bool(found) and any(_matches(found, word, base(language)) for word in words)


def _matches(found: str, word: Word, language: str) -> bool:
    if found == word.text:
        return True
    if language in STEMMERS and stem(found, language) == stem(word.text, language):
        return True
    if word.known:
        return False
    if len(word.text) >= SHORTEST_PREFIX and found.startswith(word.text):
        return True
    most = distance(word.text)
    return most > 0 and OSA.distance(found, word.text, score_cutoff=most) <= most
