"""Recommendations: products that can be bought, the likeliest first, each with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shop_analytics.application.sharing import SharedQuery
from shop_analytics.domain.access import Caller
from shop_analytics.domain.recommendations import (
    Candidate,
    Companion,
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
_SPARE = 4
"""Candidates looked up beyond those asked for, in case some of the first ones are sold out."""
_MET: Mapping[Reason, str] = {"bought-together": "purchases", "also-viewed": "views"}
"""What counts how often a product was met at all."""
_METS = tuple(_MET.values())


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
    """Answers questions; those that come at the same time share their queries.

    Args:
        next_items: what this process learned from sessions.
        popular: returns the most popular products, the first one first.
    """

    def __init__(
        self, next_items: NextItems, popular: Callable[[AnalyticsUnitOfWork], Awaitable[Sequence[Candidate]]]
    ) -> None:
        self._next_items = next_items
        self._popular = popular
        self._bought = SharedQuery(lambda uow, ids: uow.co_purchases.of_each(ids, _CANDIDATES))
        self._viewed = SharedQuery(lambda uow, ids: uow.co_views.of_each(ids, _CANDIDATES))
        self._totals = SharedQuery(lambda uow, ids: uow.tallies.sums(ids, _METS))
        self._sellable = SharedQuery(sellable)

    async def recommend(
        self, uow: AnalyticsUnitOfWork, question: Question, caller: Caller | None = None
    ) -> list[Recommendation]:
        """Return up to ``question.limit`` products that can be bought."""
        at_hand = question.at_hand
        bought, viewed, totals, again, popular = await asyncio.gather(
            self._bought.of(uow, at_hand),
            self._viewed.of(uow, at_hand),
            # For one product all chances have the same divisor, which then ranks nothing.
            self._totals.of(uow, at_hand if len(at_hand) > 1 else ()),
            _again(uow, question, caller),
            self._popular(uow),
        )
        following = self._next_items.predict(question.visit, _CANDIDATES)
        ordered = in_order(
            question.placement,
            {
                "bought-together": _ranked(bought, totals, "bought-together"),
                "also-viewed": _ranked(viewed, totals, "also-viewed"),
                "buy-again": again,
                "next-in-session": [Candidate(id, "next-in-session") for id in following],
                "popular": popular,
            },
        )
        return await self._first_sellable(uow, ordered, question)

    async def _first_sellable(
        self, uow: AnalyticsUnitOfWork, ordered: Sequence[Candidate], question: Question
    ) -> list[Recommendation]:
        """Return the first candidates that can be bought, each once; few more are looked up than it takes."""
        at_hand = set(question.visit)
        first: dict[str, Candidate] = {}
        for candidate in ordered:
            if candidate.product_id not in at_hand:
                first.setdefault(candidate.product_id, candidate)
        waiting = list(first)
        shown: list[Recommendation] = []
        at_once = question.limit + _SPARE
        while waiting and len(shown) < question.limit:
            asked, waiting = waiting[:at_once], waiting[at_once:]
            cards = await self._sellable.of(uow, asked)
            shown += [Recommendation(card, first[id].because, first[id].of) for id, card in cards.items()]
            at_once *= 2
        return shown[: question.limit]


async def related(uow: AnalyticsUnitOfWork, product_ids: Sequence[str]) -> list[Candidate]:
    """Return what goes with products: what is bought with them first, then what is viewed with them."""
    at_hand = list(product_ids[:_MOST_AT_HAND])
    return [
        *await _companions(uow, uow.co_purchases, "bought-together", at_hand),
        *await _companions(uow, uow.co_views, "also-viewed", at_hand),
    ]


async def sellable(uow: AnalyticsUnitOfWork, product_ids: Collection[str]) -> dict[str, ProductCard]:
    """Return those of the products that can be bought now."""
    if not product_ids:
        return {}
    on_sale = await uow.products.on_sale(product_ids)
    sold_out = await uow.stock.sold_out(on_sale.values())
    return {id: card for id, card in on_sale.items() if id not in sold_out}


def _ranked(
    pairs: Mapping[str, Sequence[Companion]], totals: Mapping[str, Mapping[str, int]], because: Reason
) -> list[Candidate]:
    met = {id: sums[_MET[because]] for id, sums in totals.items()}
    found = (companion for each in pairs.values() for companion in each)
    return companions(found, met, because)[:_CANDIDATES]


async def _companions(
    uow: AnalyticsUnitOfWork, pairs: Pairs, because: Reason, at_hand: Sequence[str]
) -> list[Candidate]:
    if not at_hand:
        return []
    by_product = await pairs.of_each(at_hand, _CANDIDATES)
    return _ranked(by_product, await uow.tallies.sums(at_hand, _METS), because)


async def _again(uow: AnalyticsUnitOfWork, question: Question, caller: Caller | None) -> list[Candidate]:
    if caller is None or question.placement != "home":
        return []
    favourites = await uow.purchases.favourites(caller.user_id, _CANDIDATES)
    return [Candidate(id, "buy-again") for id in favourites]
