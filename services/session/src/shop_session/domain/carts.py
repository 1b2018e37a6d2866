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


@dataclass(kw_only=True, eq=False)
class Cart(Aggregate):
    """Somebody's cart.

    Args:
        owner: whose it is; a user's cart is the same on all their devices.
        visitor_id: the visit that touched it last.
        quantities: pieces by product id, in the order in which they were first put in.
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
        """Have exactly so many pieces of some products; 0 takes a line out, others stay.

        Raises:
            CartFull, TooManyPieces: there would be too much of it.
        """
        self._become({**self.quantities, **wanted}, visitor_id, at)

    def add(self, product_id: str, pieces: int, visitor_id: str, at: datetime) -> None:
        """Put in so many more pieces of a product.

        Raises:
            CartFull, TooManyPieces: there would be too much of it.
        """
        present = self.quantities.get(product_id, 0)
        self.put({product_id: present + pieces}, visitor_id, at)

    def take_out(self, bought: Mapping[str, int], at: datetime) -> None:
        """Take out what was bought; what was put in beyond that stays."""
        left = {
            product_id: max(0, self.quantities[product_id] - pieces)
            for product_id, pieces in bought.items()
            if product_id in self.quantities
        }
        self._become(self.quantities | left, self.visitor_id, at)

    def absorb(self, guest: Cart, visitor_id: str, at: datetime) -> None:
        """Take over what a guest had, who turned out to be the owner.

        Quantities are added, up to MOST_PIECES a line; new lines come behind the present ones, up to
        MOST_LINES, and what finds no room is dropped. The version goes beyond that of both carts, for
        readers that knew the guest's.
        """
        merged = dict(self.quantities)
        for product_id, pieces in guest.quantities.items():
            if product_id in merged or len(merged) < MOST_LINES:
                merged[product_id] = min(MOST_PIECES, merged.get(product_id, 0) + pieces)
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
        return tuple(CartLine(product_id=key, quantity=pieces) for key, pieces in self.quantities.items())

    def _become(self, quantities: Mapping[str, int], visitor_id: str, at: datetime) -> None:
        wanted = {product_id: pieces for product_id, pieces in quantities.items() if pieces > 0}
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
