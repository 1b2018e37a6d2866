"""Recommendations: products that can be bought, the likeliest first, each with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shop_analytics.domain.access import Caller
from shop_analytics.domain.recommendations import (
    Candidate,
    Placement,
    Reason,
    companions,
    in_order,
)
from shop_analytics.store.pairs import Pairs
from shop_analytics.store.shelf import ProductCard
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork

_CANDIDATES = 40
_MOST_AT_HAND = 5


class NextItems(Protocol):
    """Knows what is often viewed next; a process that has not learned yet knows nothing."""

    def predict(self, evolving: Sequence[str], limit: int) -> list[str]:
        """Return items, the likeliest first. ``evolving`` is oldest first."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for.

    Args:
        product_id: the product at hand, if any.
        recent: products viewed in this session, or in the cart, oldest first.
    """

    placement: Placement
    limit: int
    product_id: str | None = None
    recent: tuple[str, ...] = ()

    @property
    def at_hand(self) -> list[str]:
        """The products that companions are looked for, the most important first."""
        newest_first = list(reversed(self.recent))
        first = [self.product_id] if self.product_id else []
        return list(dict.fromkeys([*first, *newest_first]))[:_MOST_AT_HAND]

    @property
    def visit(self) -> list[str]:
        """The session as it evolves, oldest first."""
        return [*self.recent, self.product_id] if self.product_id else list(self.recent)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A product to show, and why."""

    product: ProductCard
    because: Reason
    of: str | None


class Recommender:
    """Answers questions.

    Args:
        next_items: what this process learned from sessions.
        popular: returns the most popular products, the first one first.
    """

    def __init__(
        self, next_items: NextItems, popular: Callable[[AnalyticsUnitOfWork], Awaitable[list[str]]]
    ) -> None:
        self._next_items = next_items
        self._popular = popular

    async def recommend(
        self, uow: AnalyticsUnitOfWork, question: Question, caller: Caller | None = None
    ) -> list[Recommendation]:
        """Return up to ``question.limit`` products that can be bought."""
        bought, viewed, again, popular = await asyncio.gather(
            _companions(uow, uow.co_purchases, "purchases", "bought-together", question.at_hand),
            _companions(uow, uow.co_views, "views", "also-viewed", question.at_hand),
            _again(uow, question, caller),
            self._popular(uow),
        )
        following = self._next_items.predict(question.visit, _CANDIDATES)
        ordered = in_order(
            question.placement,
            {
                "bought-together": bought,
                "also-viewed": viewed,
                "buy-again": again,
                "next-in-session": [Candidate(id, "next-in-session") for id in following],
                "popular": [Candidate(id, "popular") for id in popular],
            },
        )
        return await _first_sellable(uow, ordered, question)


async def related(uow: AnalyticsUnitOfWork, product_ids: Sequence[str]) -> list[Candidate]:
    """Return what goes with products: what is bought with them first, then what is viewed with them."""
    at_hand = list(product_ids[:_MOST_AT_HAND])
    return [
        *await _companions(uow, uow.co_purchases, "purchases", "bought-together", at_hand),
        *await _companions(uow, uow.co_views, "views", "also-viewed", at_hand),
    ]


async def sellable(uow: AnalyticsUnitOfWork, product_ids: set[str]) -> dict[str, ProductCard]:
    """Return those of the products that can be bought now."""
    if not product_ids:
        return {}
    on_sale = await uow.products.on_sale(product_ids)
    sold_out = await uow.stock.sold_out(on_sale.values())
    return {id: card for id, card in on_sale.items() if id not in sold_out}


async def _first_sellable(
    uow: AnalyticsUnitOfWork, ordered: Sequence[Candidate], question: Question
) -> list[Recommendation]:
    """Return the first candidates that can be bought, each once; no more are looked up than it takes."""
    first = {candidate.product_id: candidate for candidate in reversed(ordered)}
    waiting = [each for each in dict.fromkeys(c.product_id for c in ordered) if each not in question.visit]
    shown: list[Recommendation] = []
    at_once = 2 * question.limit
    while waiting and len(shown) < question.limit:
        asked, waiting = waiting[:at_once], waiting[at_once:]
        cards = await sellable(uow, set(asked))
        shown += [Recommendation(cards[id], first[id].because, first[id].of) for id in asked if id in cards]
    return shown[: question.limit]


async def _companions(
    uow: AnalyticsUnitOfWork, pairs: Pairs, count: str, because: Reason, at_hand: Sequence[str]
) -> list[Candidate]:
    if not at_hand:
        return []
    found = await pairs.companions(at_hand, _CANDIDATES)
    # For one product all chances have the same divisor, which then ranks nothing.
    totals = await uow.tallies.totals(at_hand, count) if len(at_hand) > 1 and found else {}
    return companions(found, totals, because)[:_CANDIDATES]


async def _again(uow: AnalyticsUnitOfWork, question: Question, caller: Caller | None) -> list[Candidate]:
    if caller is None or question.placement != "home":
        return []
    favourites = await uow.purchases.favourites(caller.user_id, _CANDIDATES)
    return [Candidate(id, "buy-again") for id in favourites]
