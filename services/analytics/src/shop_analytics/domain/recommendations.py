"""Which products to show, in which order, and the reason for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Reason = Literal["bought-together", "also-viewed", "next-in-session", "buy-again", "popular"]
Placement = Literal["home", "product", "cart"]

ORDER: Mapping[Placement, tuple[Reason, ...]] = {
    "home": ("buy-again", "next-in-session", "also-viewed", "bought-together", "popular"),
    "product": ("bought-together", "also-viewed", "next-in-session", "popular"),
    "cart": ("bought-together", "also-viewed", "next-in-session", "popular"),
}
"""Where a reason runs dry, the next one goes on."""

_EASE = 5.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that may be shown, and why; ``of`` is the product it goes with, where there is one."""

    product_id: str
    because: Reason
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Companion:
    """``product_id`` was met ``together`` times with ``of``."""

    of: str
    product_id: str
    together: int


def companions(pairs: Iterable[Companion], totals: Mapping[str, int], because: Reason) -> list[Candidate]:
    """Rank by the chance that who takes one product takes the other as well: P(j|i), shrunk for rare ones.

    Args:
        pairs: how often products were met with the ones at hand.
        totals: how often each product at hand was met at all.
        because: the reason to give.
    """
    chances: dict[str, float] = {}
    strongest: dict[str, tuple[float, str]] = {}
    for pair in pairs:
        chance = pair.together / (max(totals.get(pair.of, 0), pair.together) + _EASE)
        chances[pair.product_id] = chances.get(pair.product_id, 0.0) + chance
        strongest[pair.product_id] = max(strongest.get(pair.product_id, (0.0, "")), (chance, pair.of))
    ranked = sorted(chances, key=lambda product_id: (-chances[product_id], product_id))
    return [Candidate(product_id, because, strongest[product_id][1]) for product_id in ranked]


def chosen(
    candidates: Iterable[Candidate], sellable: Iterable[str], exclude: Iterable[str], limit: int
) -> list[Candidate]:
    """Return the first ``limit`` of the candidates that may be shown, each product once."""
    allowed = set(sellable) - set(exclude)
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.product_id in allowed:
            first.setdefault(candidate.product_id, candidate)
    return list(first.values())[:limit]


def in_order(placement: Placement, by_reason: Mapping[Reason, Sequence[Candidate]]) -> list[Candidate]:
    """Return all candidates in the order of reasons that suits the placement."""
    return [candidate for reason in ORDER[placement] for candidate in by_reason.get(reason, ())]
