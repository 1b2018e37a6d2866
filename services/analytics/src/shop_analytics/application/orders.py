"""Orders: what is bought together, what a user buys again, whose cards are declined."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import NamedTuple

from shop_analytics.application import alerts
from shop_analytics.application.counting import Counting
from shop_analytics.application.intake import Arrival
from shop_analytics.domain.popularity import PURCHASE, Heat
from shop_analytics.domain.suggestions import Opportunity
from shop_analytics.domain.verdicts import Verdict
from shop_analytics.domain.watches import DeclineWatch
from shop_analytics.store.pairs import Pair, pair
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork, whole_milliseconds
from shop_events.contracts import Event
from shop_events.contracts.catalog import OrderCancelled, OrderPaid, OrderPaymentDeclined

TYPES = (OrderPaid, OrderCancelled, OrderPaymentDeclined)

_MOST_COMPANIONS = 40
"""Products of one order that are counted in pairs; the first ones of a longer order."""


@dataclass(frozen=True)
class Orders:
    """Folds batches of catalog.orders.

    Args:
        heat: how popularity decays.
        patience: how long after a purchase something else is suggested.
    """

    heat: Heat
    patience: timedelta

    async def fold(self, uow: AnalyticsUnitOfWork, arrivals: Sequence[Arrival]) -> None:
        """Count a batch, each order and each declined attempt once."""
        by_key = {_key(arrival.event): arrival for arrival in arrivals}
        fresh = await uow.seen.fresh(by_key, uow.now)
        news = [arrival for key, arrival in by_key.items() if key in fresh]
        await self._count(uow, news)
        await _watch_declines(uow, [each.event for each in news])

    async def _count(self, uow: AnalyticsUnitOfWork, news: Sequence[Arrival]) -> None:
        counting = Counting(self.heat)
        pairs: Counter[Pair] = Counter()
        bought: dict[tuple[str, str], tuple[int, datetime]] = {}
        opportunities = []
        for arrival in news:
            order = arrival.event
            if not isinstance(order, OrderPaid) or not order.lines:
                continue
            at = whole_milliseconds(order.paid_at)
            self._add(counting, order, at, arrival.shard)
            products = _products(order)
            met = [pair(one, other) for one, other in combinations(products[:_MOST_COMPANIONS], 2)]
            pairs.update(met)
            counting.day(at, arrival.shard, "co_purchases", len(met))
            for product_id in products:
                times, last_at = bought.get((order.user_id, product_id), (0, at))
                bought[order.user_id, product_id] = (times + 1, max(last_at, at))
            opportunities.append(self._opportunity(order, products, at))
        await counting.store(uow)
        await uow.co_purchases.add(pairs)
        await uow.purchases.add(bought)
        await uow.suggestions.note(opportunities)

    def _add(self, counting: Counting, order: OrderPaid, at: datetime, shard: str) -> None:
        counting.day(at, shard, "purchases")
        for line in order.lines:
            counting.day(at, shard, "units", line.quantity)
            counting.product(line.product_id, shard, "units", line.quantity)
        for product_id in _products(order):
            counting.product(product_id, shard, "purchases")
            counting.warm(product_id, shard, at, PURCHASE)

    def _opportunity(self, order: OrderPaid, products: Sequence[str], at: datetime) -> Opportunity:
        return Opportunity(
            order.user_id, "purchase", products[0], at, at + self.patience, bought=tuple(products)
        )


async def _watch_declines(uow: AnalyticsUnitOfWork, events: Sequence[Event]) -> None:
    declined = [decline for event in events if (decline := _decline_of(event))]
    watches = await uow.decline_watches.load(each.user_id for each in declined)
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for each in declined:
        watch = watches.setdefault(each.user_id, DeclineWatch())
        verdicts[each.user_id] += watch.take(each.id, whole_milliseconds(each.at))
    await uow.decline_watches.save(watches, uow.now)
    await alerts.judge(uow, "card-declines", verdicts)


class _Decline(NamedTuple):
    """A payment that was declined, by its attempt, or by its order where that ended with it."""

    id: str
    user_id: str
    at: datetime


def _decline_of(event: Event) -> _Decline | None:
    match event:
        case OrderPaymentDeclined():
            return _Decline(event.attempt_id, event.user_id, event.declined_at)
        case OrderCancelled(reason="payment_declined"):
            return _Decline(event.order_id, event.user_id, event.cancelled_at)
    return None


def _key(event: Event) -> str:
    """Return what an event is counted once by: an order may be declined several times."""
    id = event.attempt_id if isinstance(event, OrderPaymentDeclined) else event.key
    return f"{event.event_type}/{id}"


def _products(order: OrderPaid) -> list[str]:
    """Return the distinct products of an order, in the order of its lines."""
    return list(dict.fromkeys(line.product_id for line in order.lines))
