"""What visitors look at: views, engaged time, companions within a visit, repeated views, scraping.

A page view counts for the shop at once, and for its product when catalog has told of that: what clients make
up leaves nothing but the page view itself. The topics have no order among each other, so a view may come
before the news of its product: it waits, and a job counts it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shop_analytics.application import alerts
from shop_analytics.application.counting import Counting
from shop_analytics.application.intake import Arrival
from shop_analytics.domain.popularity import VIEW, Heat, engagement
from shop_analytics.domain.suggestions import Opportunity
from shop_analytics.domain.verdicts import Verdict
from shop_analytics.domain.visits import PageAttention, Visitor
from shop_analytics.store.attention import ATTENTION
from shop_analytics.store.pairs import Pair, pair
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork, whole_milliseconds
from shop_events.contracts import Event
from shop_events.contracts.session import (
    PageEngaged,
    PageViewed,
    RecommendationClicked,
    RecommendationShown,
)

TYPES = (PageViewed, PageEngaged, RecommendationShown, RecommendationClicked)

BATCH = 300
LOOK_BACK = timedelta(minutes=5)
"""Longer than two transactions may take: the one that keeps a product, the one that does not see it yet."""
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Activity:
    """Folds batches of session.activity.

    Args:
        heat: how popularity decays.
        visit_gap: after so long without a page view a visitor's next one begins a new visit.
        patience: how long after repeated views a purchase is waited for before anything is suggested.
    """

    heat: Heat
    visit_gap: timedelta
    patience: timedelta

    async def fold(self, uow: AnalyticsUnitOfWork, arrivals: Sequence[Arrival]) -> None:
        """Count a batch."""
        events = [arrival.event for arrival in arrivals]
        batch = await _Batch.load(self, uow, events, await uow.attention.load(_page_ids(events)))
        for arrival in arrivals:
            match arrival.event:
                case PageViewed():
                    batch.viewed(arrival.event, arrival.shard)
                case PageEngaged():
                    batch.engaged(arrival.event, arrival.shard)
        await batch.count_recommendations(arrivals)
        await batch.store()

    async def count_waiting(self, uow: AnalyticsUnitOfWork, product_ids: Sequence[str]) -> bool:
        """Count page views that waited for news of the products; say whether there may be more.

        They belong to their visit only while it lasts, and are no reason to suggest anything.
        """
        pages = await uow.attention.waiting_for(product_ids, BATCH)
        batch = await _Batch.load(self, uow, (), pages)
        for id in pages:
            batch.take_up(id)
        await batch.store()
        return len(pages) == BATCH


async def unseen_since(uow: AnalyticsUnitOfWork) -> datetime:
    """Return since when there may be news of products that page views wait for."""
    until = await uow.progress.looked_until(ATTENTION)
    return until - LOOK_BACK if until else _EVER


async def told_since(uow: AnalyticsUnitOfWork, moment: datetime, after: str) -> list[str]:
    """Return products that there was news of since, by id, from behind ``after``."""
    return await uow.products.told_since(moment, after, BATCH)


async def seen_until(uow: AnalyticsUnitOfWork, moment: datetime) -> None:
    """Note that nothing waits for news that came by then."""
    await uow.progress.note(ATTENTION, moment)


class _Batch:
    """The states a batch touches, and what it adds to counts."""

    def __init__(
        self,
        rules: Activity,
        uow: AnalyticsUnitOfWork,
        pages: dict[str, PageAttention],
        visitors: dict[str, Visitor],
        known: set[str],
    ) -> None:
        self._rules = rules
        self._uow = uow
        self._pages = pages
        self._visitors = visitors
        self._known = known
        self._counting = Counting(rules.heat)
        self._touched: dict[str, PageAttention] = {}
        self._pairs: Counter[Pair] = Counter()
        self._opportunities: list[Opportunity] = []
        self._verdicts: dict[str, list[Verdict]] = defaultdict(list)

    @classmethod
    async def load(
        cls,
        rules: Activity,
        uow: AnalyticsUnitOfWork,
        events: Iterable[Event],
        pages: dict[str, PageAttention],
    ) -> _Batch:
        visitors = {event.visitor_id for event in events if isinstance(event, PageViewed)}
        visitors |= {page.visitor_id for page in pages.values() if page.waiting}
        products = {page.product_id for page in pages.values()} | {_product_id(event) for event in events}
        known = await uow.products.known(id for id in products if id)
        return cls(rules, uow, pages, await uow.visitors.load(visitors), known)

    def take_up(self, id: str) -> PageAttention:
        """Return a page view to add to. If it waited for news of its product that has come, it counts now."""
        page = self._pages.setdefault(id, PageAttention(id))
        self._touched[id] = page
        if page.waiting and page.product_id in self._known:
            waited, page.waiting = page.waiting, None
            if page.viewed_at:
                self._count_view(page, waited.shard, page.viewed_at)
                if waited.personalise:
                    self._learn(page, page.viewed_at)
            self._count_engaged(page, waited.shard, waited.at, 0)
        return page

    def viewed(self, event: PageViewed, shard: str) -> None:
        """Take a page view, unless it was counted before."""
        at = whole_milliseconds(event.at)
        page = self.take_up(_page_id(event))
        if not page.view(event.product_id, at):
            return
        visitor = self._visitor(event.visitor_id)
        self._verdicts[visitor.id] += visitor.viewed_page(event.page, at, self._rules.visit_gap)
        self._counting.day(at, shard, "views")
        if page.product_id is None:
            return
        if page.product_id not in self._known:
            page.wait(shard, at, personalise=event.personalise)
            return
        self._count_view(page, shard, at)
        if event.personalise:
            self._learn(page, at, event.user_id)

    def engaged(self, event: PageEngaged, shard: str) -> None:
        """Take the engaged time of a page view so far."""
        page = self.take_up(_page_id(event))
        before = page.engaged_ms
        grown = page.engage(event.product_id, event.milliseconds)
        if not grown:
            return
        at = whole_milliseconds(event.at)
        self._counting.day(at, shard, "engaged_ms", grown)
        if page.product_id in self._known:
            self._count_engaged(page, shard, at, before)
        elif page.product_id:
            page.wait(shard, at)

    async def count_recommendations(self, arrivals: Sequence[Arrival]) -> None:
        """Count what was recommended, and what of it was chosen."""
        kinds = (RecommendationShown, RecommendationClicked)
        by_id = {arrival.id: arrival for arrival in arrivals if isinstance(arrival.event, kinds)}
        for id in await self._uow.seen.fresh(by_id, self._uow.now):
            event, shard = by_id[id].event, by_id[id].shard
            if isinstance(event, RecommendationShown):
                self._counting.day(event.at, shard, "shown", len(event.product_ids))
            elif isinstance(event, RecommendationClicked):
                self._counting.day(event.at, shard, "clicked")
                if event.product_id in self._known:
                    self._counting.product(event.product_id, shard, "clicked")

    async def store(self) -> None:
        """Write everything."""
        uow = self._uow
        await uow.attention.save(self._touched.values(), uow.now)
        await uow.visitors.save(self._visitors, uow.now)
        await self._counting.store(uow)
        await uow.co_views.add(self._pairs)
        await uow.suggestions.note(self._opportunities)
        await alerts.judge(uow, "scraping", self._verdicts)

    def _visitor(self, id: str) -> Visitor:
        return self._visitors.setdefault(id, Visitor(id))

    def _count_view(self, page: PageAttention, shard: str, at: datetime) -> None:
        assert page.product_id
        self._counting.product(page.product_id, shard, "views")
        self._counting.warm(page.product_id, shard, at, VIEW)

    def _count_engaged(self, page: PageAttention, shard: str, at: datetime, before: int) -> None:
        assert page.product_id
        if page.engaged_ms > before:
            self._counting.product(page.product_id, shard, "engaged_ms", page.engaged_ms - before)
            self._counting.warm(page.product_id, shard, at, engagement(before, page.engaged_ms))

    def _learn(self, page: PageAttention, at: datetime, user_id: str | None = None) -> None:
        """Learn from a view of somebody who agreed to it."""
        assert page.product_id
        product_id, visitor = page.product_id, self._visitor(page.visitor_id)
        if visitor.has_been_here_since(at, self._rules.visit_gap):
            for companion in visitor.viewed_product(product_id):
                self._pairs[pair(companion, product_id)] += 1
        since = visitor.returned_to(product_id, at)
        if since and user_id:
            due_at = at + self._rules.patience
            self._opportunities.append(Opportunity(user_id, "views", product_id, at, due_at, since))


def _page_ids(events: Iterable[Event]) -> list[str]:
    return [_page_id(event) for event in events if isinstance(event, PageViewed | PageEngaged)]


def _page_id(event: PageViewed | PageEngaged) -> str:
    return f"{event.visitor_id}/{event.view_id}"


def _product_id(event: Event) -> str | None:
    return event.product_id if isinstance(event, PageViewed | PageEngaged | RecommendationClicked) else None
