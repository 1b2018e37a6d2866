"""What analytics works with: its repositories on one transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_analytics.domain.visits import Visitor
from shop_analytics.domain.watches import DeclineWatch, LoginWatch, MemoryWatch
from shop_analytics.store.alerts import ALERTS, Alerts
from shop_analytics.store.attention import ATTENTION, Attention
from shop_analytics.store.pairs import CO_PURCHASES, CO_VIEWS, Pairs
from shop_analytics.store.positions import POSITIONS, Positions
from shop_analytics.store.purchases import PURCHASES, Purchases
from shop_analytics.store.scores import PROGRESS, SCORES, Progress, Scores
from shop_analytics.store.seen import SEEN, Seen
from shop_analytics.store.shelf import PRODUCTS, STOCK, Products, Stock
from shop_analytics.store.states import VISITORS, WATCHES, States
from shop_analytics.store.suggestions import (
    SUGGESTION_VERSIONS,
    SUGGESTIONS,
    Suggestions,
    SuggestionVersions,
)
from shop_analytics.store.tallies import DAYS, TALLIES, Days, Tallies
from shop_events.unit_of_work import Transactor, UnitOfWork

_VISITOR = TypeAdapter(Visitor)
_LOGIN_WATCH = TypeAdapter(LoginWatch)
_DECLINE_WATCH = TypeAdapter(DeclineWatch)
_MEMORY_WATCH = TypeAdapter(MemoryWatch)


class AnalyticsUnitOfWork(UnitOfWork):
    """Repositories on one transaction. ``now`` is the same all through it, in MongoDB's milliseconds."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None, source: str) -> None:
        super().__init__(db, session, source)
        self.now = whole_milliseconds(datetime.now(UTC))

    @cached_property
    def positions(self) -> Positions:
        return Positions(self.db[POSITIONS], self.session)

    @cached_property
    def seen(self) -> Seen:
        return Seen(self.db[SEEN], self.session)

    @cached_property
    def attention(self) -> Attention:
        return Attention(self.db[ATTENTION], self.session)

    @cached_property
    def visitors(self) -> States[Visitor]:
        return States(self.db[VISITORS], self.session, _VISITOR)

    @cached_property
    def login_watches(self) -> States[LoginWatch]:
        return States(self.db[WATCHES], self.session, _LOGIN_WATCH, "login-failures:")

    @cached_property
    def decline_watches(self) -> States[DeclineWatch]:
        return States(self.db[WATCHES], self.session, _DECLINE_WATCH, "card-declines:")

    @cached_property
    def memory_watches(self) -> States[MemoryWatch]:
        return States(self.db[WATCHES], self.session, _MEMORY_WATCH, "low-memory:")

    @cached_property
    def tallies(self) -> Tallies:
        return Tallies(self.db[TALLIES], self.session)

    @cached_property
    def days(self) -> Days:
        return Days(self.db[DAYS], self.session)

    @cached_property
    def co_purchases(self) -> Pairs:
        return Pairs(self.db[CO_PURCHASES], self.session)

    @cached_property
    def co_views(self) -> Pairs:
        return Pairs(self.db[CO_VIEWS], self.session)

    @cached_property
    def purchases(self) -> Purchases:
        return Purchases(self.db[PURCHASES], self.session)

    @cached_property
    def alerts(self) -> Alerts:
        return Alerts(self.db[ALERTS], self.session)

    @cached_property
    def suggestions(self) -> Suggestions:
        return Suggestions(self.db[SUGGESTIONS], self.session)

    @cached_property
    def suggestion_versions(self) -> SuggestionVersions:
        return SuggestionVersions(self.db[SUGGESTION_VERSIONS], self.session)

    @cached_property
    def scores(self) -> Scores:
        return Scores(self.db[SCORES], self.session)

    @cached_property
    def progress(self) -> Progress:
        return Progress(self.db[PROGRESS], self.session)

    @cached_property
    def products(self) -> Products:
        return Products(self.db[PRODUCTS], self.session)

    @cached_property
    def stock(self) -> Stock:
        return Stock(self.db[STOCK], self.session)


Transact = Transactor[AnalyticsUnitOfWork]


def whole_milliseconds(moment: datetime) -> datetime:
    """Return a time as exact as MongoDB keeps it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
