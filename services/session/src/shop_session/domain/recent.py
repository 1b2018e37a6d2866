"""The products somebody looked at last, newest first, each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MOST_RECENT = 50


@dataclass(frozen=True, slots=True)
class Viewed:
    """A product and when it was looked at last."""

    product_id: str
    at: datetime


def newest(views: Iterable[Viewed]) -> list[Viewed]:
    """Return the MOST_RECENT newest of ``views``, one a product."""
    latest: dict[str, Viewed] = {}
    for view in views:
        known = latest.get(view.product_id)
        if known is None or view.at > known.at:
            latest[view.product_id] = view
    return sorted(latest.values(), key=lambda view: view.at, reverse=True)[:MOST_RECENT]
