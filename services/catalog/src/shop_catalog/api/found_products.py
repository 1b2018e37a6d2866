"""Pages of results as answers, made of the documents as they are stored: the JSON of ``ResultsView``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from shop_catalog.api.listed_products import shown
from shop_catalog.api.pages_found import cursor_behind
from shop_catalog.application.search import Page, Result
from shop_catalog.domain.lists import Filters
from shop_catalog.domain.search import Bucket, Facets, Findings, Part, Question


class PageAnswer(NamedTuple):
    """A page of results.

    Args:
        body: an object in JSON of all that is the same for whoever asks.
        findings, filters: what others are told of it.
    """

    body: bytes
    findings: Findings
    filters: Filters

    def under(self, search_id: str) -> bytes:
        """Return the whole answer to one search."""
        return b'{"search_id":"%b",%b' % (search_id.encode(), self.body[1:])


def page_answer(page: Page, question: Question) -> PageAnswer:
    """Return a page of results as it is shown."""
    findings, language = page.findings, question.language
    body = {
        "match": findings.match,
        "total": findings.total,
        "items": [_result(each, language) for each in page.results],
        "facets": _facets(findings.facets),
        "next_cursor": cursor_behind(page),
    }
    return PageAnswer(orjson.dumps(body), findings, question.filters)


def _result(found: Result, language: str) -> dict[str, Any]:
    return {
        **shown(found.document, language),
        "title_parts": _parts(found.title),
        "excerpt_parts": _parts(found.excerpt),
    }


def _parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [{"text": text, "matched": matched} for text, matched in parts]


def _facets(facets: Facets) -> dict[str, Any]:
    prices = facets.prices
    return {
        "categories": _buckets(facets.categories),
        "attributes": {name: _buckets(each) for name, each in facets.attributes.items()},
        "options": {name: _buckets(each) for name, each in facets.options.items()},
        "in_stock": facets.in_stock,
        "prices": {"lowest": prices[0], "highest": prices[1]} if prices else None,
        "ratings": [{"at_least": rating, "count": count} for rating, count in facets.ratings],
    }


def _buckets(buckets: Sequence[Bucket]) -> list[dict[str, Any]]:
    return [{"value": value, "label": label, "count": count} for value, label, count in buckets]
