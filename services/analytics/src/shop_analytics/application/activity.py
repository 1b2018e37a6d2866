"""What visitors look at: views, engaged time, companions within a visit, repeated views, scraping."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shop_analytics.application import alerts
from shop_analytics.application.counting import Counting
from shop_analytics.application.intake import Arrival
from shop_analytics.domain.popularity import VIEW, Heat, engagement
from shop_analytics.domain.suggestions import Opportunity
from shop_analytics.domain.verdicts import Verdict
from shop_analytics.domain.visits import PageAttention, Visitor
from shop_analytics.store.pairs import Pair, pair
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork, whole_milliseconds
from shop_events.contracts.session import (
    PageEngaged,
    PageViewed,
    RecommendationClicked,
    RecommendationShown,
)

TYPES = (PageViewed, PageEngaged, RecommendationShown, RecommendationClicked)


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
        batch = await _Batch.load(self, uow, arrivals)
        for arrival in arrivals:
            match arrival.event:
                case PageViewed():
                    batch.viewed(arrival.event, arrival.shard)
                case PageEngaged():
                    batch.engaged(arrival.event, arrival.shard)
        await batch.count_recommendations(arrivals)
        await batch.store()


class _Batch:
    """The states a batch touches, and what it adds to counts."""

    def __init__(
        self,
        rules: Activity,
        uow: AnalyticsUnitOfWork,
        pages: dict[str, PageAttention],
        visitors: dict[str, Visitor],
    ) -> None:
        self._rules = rules
        self._uow = uow
        self._pages = pages
        self._visitors = visitors
        self._counting = Counting(rules.heat)
        self._touched: dict[str, PageAttention] = {}
        self._pairs: Counter[Pair] = Counter()
        self._opportunities: list[Opportunity] = []
        self._verdicts: dict[str, list[Verdict]] = defaultdict(list)

    @classmethod
    async def load(cls, rules: Activity, uow: AnalyticsUnitOfWork, arrivals: Sequence[Arrival]) -> _Batch:
        events = [arrival.event for arrival in arrivals]
        pages = [_page_id(event) for event in events if isinstance(event, PageViewed | PageEngaged)]
        visitors = [event.visitor_id for event in events if isinstance(event, PageViewed)]
        return cls(rules, uow, await uow.attention.load(pages), await uow.visitors.load(visitors))

    def viewed(self, event: PageViewed, shard: str) -> None:
        """Take a page view, unless it was counted before."""
        at = whole_milliseconds(event.at)
        page = self._page(event)
        if not page.view(event.product_id, at):
            return
        visitor = self._visitors.setdefault(event.visitor_id, Visitor(event.visitor_id))
        self._verdicts[visitor.id] += visitor.viewed_page(event.page, at, self._rules.visit_gap)
        self._counting.day(at, shard, "views")
        if event.product_id is None:
            return
        self._counting.product(event.product_id, shard, "views")
        self._counting.warm(event.product_id, shard, at, VIEW)
        if event.personalise:
            self._learn(visitor, event, event.product_id)

    def engaged(self, event: PageEngaged, shard: str) -> None:
        """Take the engaged time of a page view so far."""
        page = self._page(event)
        before = page.engaged_ms
        grown = page.engage(event.product_id, event.milliseconds)
        if not grown:
            return
        at = whole_milliseconds(event.at)
        self._counting.day(at, shard, "engaged_ms", grown)
        if page.product_id:
            self._counting.product(page.product_id, shard, "engaged_ms", grown)
            self._counting.warm(page.product_id, shard, at, engagement(before, page.engaged_ms))

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

    def _page(self, event: PageViewed | PageEngaged) -> PageAttention:
        id = _page_id(event)
        page = self._pages.setdefault(id, PageAttention(id))
        self._touched[id] = page
        return page

    def _learn(self, visitor: Visitor, event: PageViewed, product_id: str) -> None:
        """Learn from a view of somebody who agreed to it."""
        for companion in visitor.viewed_product(product_id):
            self._pairs[pair(companion, product_id)] += 1
        since = visitor.returned_to(product_id, whole_milliseconds(event.at))
        if since and event.user_id:
            at = whole_milliseconds(event.at)
            due_at = at + self._rules.patience
            self._opportunities.append(Opportunity(event.user_id, "views", product_id, at, due_at, since))


def _page_id(event: PageViewed | PageEngaged) -> str:
    return f"{event.visitor_id}/{event.view_id}"
