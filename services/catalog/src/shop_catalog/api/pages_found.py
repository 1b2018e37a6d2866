"""What finds products by words, and the cursors of what it found."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from shop_catalog.application.search import Page as Found
from shop_catalog.application.search import SearchDesk
from shop_catalog.domain.search import DEEPEST, Place
from shop_chassis.http import BadCursor, PageRequest, encode_cursor


async def _desk(request: Request) -> SearchDesk:
    return cast(SearchDesk, request.app.state.search)


Desk = Annotated[SearchDesk, Depends(_desk)]
"""What finds products by words."""


def place(page: PageRequest) -> Place:
    """Return where a page of results begins.

    Raises:
        BadCursor: it was not given out by a search.
    """
    after = page.after(int, str)
    if after is None:
        return Place()
    if not 0 < after[0] < DEEPEST:
        raise BadCursor
    return Place(*after)


def cursor_behind(found: Found) -> str | None:
    """Return the cursor of the next page, None behind the last one."""
    findings = found.findings
    if not findings.more:
        return None
    return encode_cursor(findings.skipped + len(findings.product_ids), findings.product_ids[-1])
