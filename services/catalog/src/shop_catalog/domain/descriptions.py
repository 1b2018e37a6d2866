"""What is said of a product in words and pictures, and in which language it is answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

NAME = r"^[\p{L}\p{N}_][\p{L}\p{N}_ /&+()-]{0,49}$"
"""Names of options and attributes: nothing that MongoDB or a filter could take for something else."""

LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$"
"""Language tags (RFC 5646) as far as a shop needs them."""

MEDIA_URL = r"^https?://[^\s<>\"]+$"

Part = dict[str, Any]
"""A part of an event that is being told. The event checks it, in one go with all others."""

MOST_LANGUAGES = 10
MOST_MEDIA = 20
MOST_ATTRIBUTES = 50


@dataclass(frozen=True, slots=True)
class Text:
    """What a product is called in one language."""

    title: str
    description: str = ""

    def as_part(self) -> Part:
        """Return the text as others may see it: a ProductText."""
        return {"title": self.title, "description": self.description}


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, and what it shows in words."""

    url: str
    alt: str = ""

    def as_part(self) -> Part:
        """Return the picture as others may see it: a ProductMedia."""
        return {"url": self.url, "alt": self.alt}


def best_language(accepted: str, languages: Collection[str], default: str) -> str:
    """Return the one of ``languages`` that an Accept-Language header asks for, else ``default``.

    It is looked up as in RFC 4647, section 3.4: ``de-AT`` is content with ``de``, never with ``de-CH``.
    """
    known = {language.lower(): language for language in (*languages, default)}
    for wanted in _by_preference(accepted):
        if wanted == "*":
            return default
        parts = wanted.split("-")
        for length in range(len(parts), 0, -1):
            if found := known.get("-".join(parts[:length])):
                return found
    return default


def _by_preference(accepted: str) -> list[str]:
    ranked = []
    for place, entry in enumerate(accepted.split(",")[:20]):
        language, _, weight = entry.strip().lower().partition(";")
        quality = _quality(weight)
        if language and quality > 0:
            ranked.append((-quality, place, language.strip()))
    return [language for _, _, language in sorted(ranked)]


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
