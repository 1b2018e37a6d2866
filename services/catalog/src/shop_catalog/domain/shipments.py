"""What leaves the house for an order: parcels, each with pieces of some of its lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shop_catalog.domain.errors import UnknownLine, VariantNeeded
from shop_catalog.domain.quotes import pieces_of
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.variants import Item, Pieces
from shop_events.contracts.catalog import MovedLine, OrderLine

MOST_SHIPMENTS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Shipment:
    """A parcel.

    Args:
        id: ``shp_…``.
        carrier: who brings it.
        tracking_number: the carrier's; told to the order's customer and operators alone, for carriers show
            names and places to whoever knows it.
        delivered_at: None while it is on its way.
        request: who sent it off, and under which key.
    """

    id: str
    pieces: tuple[Pieces, ...]
    carrier: str
    tracking_number: str | None
    shipped_at: datetime
    request: RequestKey
    delivered_at: datetime | None = None


def chosen(lines: Sequence[OrderLine], wanted: Mapping[Item, int]) -> tuple[Pieces, ...]:
    """Return the pieces that are meant by products and variants of an order.

    Raises:
        UnknownLine: the order has no such line.
        VariantNeeded: it has several of the product, and no variant is named.
    """
    found: Counter[tuple[str, str]] = Counter()
    for item, quantity in wanted.items():
        of_product = [pieces_of(line) for line in lines if line.product_id == item.product_id]
        fitting = [each for each in of_product if item.variant_id in (None, each.variant_id)]
        if not fitting:
            raise UnknownLine("The order has no line of a product, or of its variant.")
        if len(fitting) > 1:
            raise VariantNeeded([item.product_id])
        found[item.product_id, fitting[0].variant_id] += quantity
    return tuple(Pieces(product_id, variant_id, count) for (product_id, variant_id), count in found.items())


def within(pieces: Iterable[Pieces], left: Mapping[str, int]) -> tuple[Pieces, ...]:
    """Return as many of the pieces as are ``left`` of their variants."""
    still = (each._replace(quantity=min(each.quantity, left.get(each.variant_id, 0))) for each in pieces)
    return tuple(each for each in still if each.quantity)


def counted(groups: Iterable[Iterable[Pieces]]) -> Counter[str]:
    """Return how many pieces there are of each variant in all of the groups."""
    count: Counter[str] = Counter()
    for pieces in groups:
        for each in pieces:
            count[each.variant_id] += each.quantity
    return count


def moved(lines: Sequence[OrderLine], pieces: Sequence[Pieces]) -> tuple[MovedLine, ...]:
    """Return how an event tells of pieces of an order."""
    titles = {pieces_of(line).variant_id: line.title for line in lines}
    return tuple(
        MovedLine(
            product_id=each.product_id,
            variant_id=each.variant_id,
            title=titles[each.variant_id],
            quantity=each.quantity,
        )
        for each in pieces
    )
