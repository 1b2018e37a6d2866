"""A cart: how many pieces of which products somebody means to buy. Prices are none of its business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shop_events.contracts import Aggregate
from shop_events.contracts.session import CartAbandoned, CartChanged, CartLine
from shop_session.domain.errors import CartFull, TooManyPieces, VersionConflict
from shop_session.domain.owners import Owner

MOST_LINES = 100
MOST_PIECES = 999


def line_key(product_id: str, variant_id: str | None = None) -> str:
    """Return what a line goes by: ``prd_…`` for an only variant, ``prd_…:var_…`` for one of several."""
    return product_id if variant_id is None else f"{product_id}:{variant_id}"


def line_of(key: str) -> tuple[str, str | None]:
    """Return product and variant of a line."""
    product_id, _, variant_id = key.partition(":")
    return product_id, variant_id or None


@dataclass(kw_only=True, eq=False)
class Cart(Aggregate):
    """Somebody's cart.

    Args:
        owner: whose it is; a user's cart is the same on all their devices.
        visitor_id: the visit that touched it last.
        quantities: pieces by line (:func:`line_key`), in the order in which they were first put in.
        version: number of its changes.
        untouched_since: when somebody last dealt with what is in it; None if there is nothing in it, or it
            was told that nobody came back.
    """

    owner: Owner
    visitor_id: str
    quantities: dict[str, int] = field(default_factory=dict)
    version: int = 0
    untouched_since: datetime | None = None

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def pieces(self) -> int:
        """How many pieces there are in all lines together."""
        return sum(self.quantities.values())

    def assert_version(self, version: int | None) -> None:
        """Make sure that the caller has seen the cart as it is, if they say what they saw.

        Raises:
            VersionConflict: they saw another one.
        """
        if version is not None and version != self.version:
            raise VersionConflict("The cart was changed in the meantime.")

    def put(self, wanted: Mapping[str, int], visitor_id: str, at: datetime) -> None:
        """Have exactly so many pieces in some lines; 0 takes a line out, others stay.

        Raises:
            CartFull, TooManyPieces: there would be too much of it.
        """
        self._become({**self.quantities, **wanted}, visitor_id, at)

    def add(self, line: str, pieces: int, visitor_id: str, at: datetime) -> None:
        """Put so many more pieces into a line.

        Raises:
            CartFull, TooManyPieces: there would be too much of it.
        """
        present = self.quantities.get(line, 0)
        self.put({line: present + pieces}, visitor_id, at)

    def take_out(self, bought: Mapping[str, int], at: datetime) -> None:
        """Take out what was bought, by line; what was put in beyond that stays.

        A line without variant is what was bought as well: it was the only variant then.
        """
        left = dict(self.quantities)
        for bought_line, pieces in bought.items():
            wanted = pieces
            for line in dict.fromkeys((bought_line, line_of(bought_line)[0])):
                taken = min(wanted, left.get(line, 0))
                if taken:
                    left[line] -= taken
                wanted -= taken
        self._become(left, self.visitor_id, at)

    def absorb(self, guest: Cart, visitor_id: str, at: datetime) -> None:
        """Take over what a guest had, who turned out to be the owner.

        Quantities are added, up to MOST_PIECES a line; new lines come behind the present ones, up to
        MOST_LINES, and what finds no room is dropped. The version goes beyond that of both carts, for
        readers that knew the guest's.
        """
        merged = dict(self.quantities)
        for line, pieces in guest.quantities.items():
            if line in merged or len(merged) < MOST_LINES:
                merged[line] = min(MOST_PIECES, merged.get(line, 0) + pieces)
        self.version = max(self.version, guest.version)
        self._change(merged, visitor_id, at)

    def abandon(self, at: datetime) -> CartAbandoned:
        """Conclude that nobody comes back to what is in it; not again before it is changed."""
        assert self.untouched_since
        since, self.untouched_since = self.untouched_since, None
        return CartAbandoned(
            visitor_id=self.visitor_id, user_id=self._user_id, lines=self._lines, since=since, at=at
        )

    @property
    def _user_id(self) -> str | None:
        return None if self.owner.kept_until else self.owner.id

    @property
    def _lines(self) -> tuple[CartLine, ...]:
        return tuple(
            CartLine(product_id=product_id, variant_id=variant_id, quantity=pieces)
            for (product_id, variant_id), pieces in (
                (line_of(key), pieces) for key, pieces in self.quantities.items()
            )
        )

    def _become(self, quantities: Mapping[str, int], visitor_id: str, at: datetime) -> None:
        wanted = {line: pieces for line, pieces in quantities.items() if pieces > 0}
        if wanted == self.quantities:
            return
        if len(wanted) > max(MOST_LINES, len(self.quantities)):
            raise CartFull(f"A cart has {MOST_LINES} lines at most.")
        if any(pieces > MOST_PIECES for pieces in wanted.values()):
            raise TooManyPieces(f"A line has {MOST_PIECES} pieces at most.")
        self._change(wanted, visitor_id, at)

    def _change(self, quantities: dict[str, int], visitor_id: str, at: datetime) -> None:
        self.quantities, self.visitor_id = quantities, visitor_id
        self.untouched_since = at if quantities else None
        self.record(CartChanged(visitor_id=visitor_id, user_id=self._user_id, lines=self._lines, at=at))
