"""Made-up shoppers, as events: pages viewed and stayed on, now and then an order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shop_events.contracts import Event, Fact, Money
from shop_events.contracts.catalog import OrderLine, OrderPaid
from shop_events.contracts.session import PageEngaged, PageViewed, activity_event_id
from shop_events.envelope import Message, encode, envelope_for

_AT_ONCE = 400
"""Visitors who are there at the same time."""
_PAGES = 12
"""Pages of a visit, on average."""
_BEATS = 2
"""How often a page tells how long it has been looked at."""
PRODUCTS = tuple(f"prd_{number}" for number in range(2000))
"""All that anybody looks at."""
_ORDERS = 0.04
_STEP = timedelta(milliseconds=40)


def shopping(events: int) -> Iterator[Message]:
    """Return so many records in the order of their times, those of many visitors mixed."""
    chance = random.Random(11)  # noqa: S311
    began = datetime.now(UTC) - timedelta(hours=6)
    visits = [_Visit(chance, f"vst_{number}") for number in range(_AT_ONCE)]
    for number in range(events):
        at = began + number * _STEP
        place = chance.randrange(_AT_ONCE)
        if chance.random() < _ORDERS:
            event: Event = _order(chance, number, at)
        else:
            event = visits[place].next(at)
            if chance.random() < 1 / (_PAGES * (1 + _BEATS)):
                visits[place] = _Visit(chance, f"vst_{_AT_ONCE + number}")
        event_id = activity_event_id(event.key, str(number))
        yield encode(envelope_for(Fact(event, 0), "session", event_id), event)


@dataclass
class _Visit:
    """One visitor, from page to page."""

    chance: random.Random
    visitor_id: str
    pages: int = 0
    beats: int = _BEATS
    product_id: str = field(default="")

    def next(self, at: datetime) -> Event:
        """Return what this visitor does next."""
        if self.beats >= _BEATS:
            self.pages, self.beats = self.pages + 1, 0
            self.product_id = _popular(self.chance)
            page = f"/products/{self.product_id}"
            return PageViewed(**self._page(at), page=page)
        self.beats += 1
        return PageEngaged(**self._page(at), milliseconds=5000 * self.beats)

    def _page(self, at: datetime) -> dict[str, object]:
        place = {"visitor_id": self.visitor_id, "view_id": f"{self.visitor_id}.{self.pages}"}
        return {**place, "product_id": self.product_id, "at": at}


def _order(chance: random.Random, number: int, at: datetime) -> OrderPaid:
    price = Money(amount=1250, currency="GBP")
    lines = tuple(
        OrderLine(product_id=product_id, title="A lamp", quantity=1, unit_price=price, line_total=price)
        for product_id in {_popular(chance) for _ in range(3)}
    )
    user_id = f"usr_{chance.randrange(5000)}"
    total = price.times(len(lines))
    return OrderPaid(order_id=f"ord_{number}", user_id=user_id, lines=lines, total=total, paid_at=at)


def _popular(chance: random.Random) -> str:
    """Return a product; some are wanted far more than others."""
    return PRODUCTS[int(len(PRODUCTS) * chance.random() ** 2)]
