"""Composition root: the environment in, the wired service out."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from pymongo.asynchronous.database import AsyncDatabase

from shop_analytics.api import ERRORS, ROUTERS
from shop_analytics.application import access, activity, orders, searches, visits, vitals
from shop_analytics.application.intake import Intake
from shop_analytics.application.popular import Popular
from shop_analytics.application.recommendations import NextItems, Recommender
from shop_analytics.consumers import catalog
from shop_analytics.consumers.sessions import SessionFeed
from shop_analytics.domain.next_items import SessionIndex
from shop_analytics.domain.popularity import Heat
from shop_analytics.jobs import alerts, attention, scores, suggestions
from shop_analytics.settings import AnalyticsSettings
from shop_analytics.store import positions
from shop_analytics.store.positions import POSITIONS
from shop_analytics.store.repository import Document
from shop_analytics.store.schema import drop_read_models, migrate
from shop_analytics.store.shelf import PRODUCTS, STOCK
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork, Transact
from shop_analytics.streams.batches import Batches
from shop_analytics.streams.worker import Stream, StreamWorker
from shop_chassis.app import Api
from shop_chassis.jobs import Job
from shop_chassis.service import Command, Runtime, Service
from shop_chassis.supervision import Part
from shop_events.contracts.catalog import ORDERS
from shop_events.contracts.catalog_searches import SEARCHES
from shop_events.contracts.identity import ACCESS
from shop_events.contracts.ops import VITALS
from shop_events.contracts.session import ACTIVITY, SESSIONS
from shop_events.handlers import Subscriptions
from shop_events.read_model import emptied
from shop_events.tail import Tail
from shop_events.topics import replay

STREAMS_GROUP = "analytics.streams"
"""The streams' own consumer group: members of ``analytics`` itself read other topics."""

_TOPICS = {
    "activity": ACTIVITY,
    "orders": ORDERS,
    "access": ACCESS,
    "searches": SEARCHES,
    "visits": SESSIONS,
    "vitals": VITALS,
    "replays": replay("analytics"),
}

# What a page view writes is bounded and largely shared with the other events of its visitor: the more of
# them in one transaction, the fewer writes each. An order may write hundreds of pairs.
_MOST = {"activity": 5000}


@dataclass(frozen=True)
class Learned:
    """What a process learns in memory."""

    next_items: SessionIndex


AnalyticsRuntime = Runtime[AnalyticsSettings, Learned]


def analytics() -> Service[AnalyticsSettings, Learned]:
    """Return the service; nothing is connected yet."""
    return Service(
        settings=AnalyticsSettings,
        unit_of_work=AnalyticsUnitOfWork,
        api=_api,
        subscriptions=Subscriptions.of("analytics", catalog),
        follows=(
            *activity.TYPES,
            *orders.TYPES,
            *searches.TYPES,
            *visits.TYPES,
            *access.TYPES,
            *vitals.TYPES,
        ),
        migrate=migrate,
        resources=_learned,
        jobs=_jobs,
        parts=_streams,
        api_parts=_next_items,
        republish=_republish,
        read_models={
            PRODUCTS: emptied(PRODUCTS),
            STOCK: emptied(STOCK),
            "streams": drop_read_models,  # no projection: the next worker counts anew
        },
        commands=[
            Command("rewind", "let the next worker read a topic again; what counted stays", _rewind, _range)
        ],
    )


def api_of(next_items: NextItems, heat: Heat) -> Api:
    """Return the routes and what they find in the application's state."""
    return Api(ROUTERS, ERRORS, {"recommender": Recommender(next_items, Popular()), "heat": heat})


def intake_of(settings: AnalyticsSettings) -> Intake:
    """Return what the streams do about events."""
    heat, patience = settings.heat, settings.suggestion_delay
    return Intake(
        [
            (activity_of(settings).fold, activity.TYPES),
            (orders.Orders(heat, patience).fold, orders.TYPES),
            (searches.Searches(heat).fold, searches.TYPES),
            (visits.Visits(heat).fold, visits.TYPES),
            (access.fold, access.TYPES),
            (vitals.fold, vitals.TYPES),
        ]
    )


def activity_of(settings: AnalyticsSettings) -> activity.Activity:
    """Return how page views are counted."""
    return activity.Activity(settings.heat, settings.visit_gap, settings.suggestion_delay)


def stream_worker(
    settings: AnalyticsSettings, transact: Transact, db: AsyncDatabase[Document]
) -> StreamWorker:
    """Return what reads the streams, an agent each."""
    batches = Batches(transact, intake_of(settings))
    read = [Stream(name, topic, batches.handle, _MOST.get(name, 500)) for name, topic in _TOPICS.items()]
    return StreamWorker(settings.kafka, STREAMS_GROUP, read, partial(positions.begin, db[POSITIONS]))


def _api(runtime: AnalyticsRuntime) -> Api:
    return api_of(runtime.resources.next_items, runtime.settings.heat)


def _streams(runtime: AnalyticsRuntime) -> list[Part]:
    worker = stream_worker(runtime.settings, runtime.transact, runtime.db)
    return [Part("streams", worker.run, lambda: worker.ready)]


def _next_items(runtime: AnalyticsRuntime) -> list[Part]:
    settings = runtime.settings
    feed = SessionFeed(runtime.resources.next_items, settings.visit_gap)
    tail = Tail(
        settings.kafka,
        ACTIVITY,
        feed.take,
        timedelta(days=settings.next_items_history_days),
        lambda: feed.advance(datetime.now(UTC)),
    )
    return [Part("next-items", tail.run, outlived=True)]


def _jobs(runtime: AnalyticsRuntime) -> list[Job]:
    settings, transact = runtime.settings, runtime.transact
    return [
        Job(
            "scores",
            timedelta(seconds=settings.score_interval_seconds),
            partial(scores.tell, transact, settings.heat),
        ),
        Job(
            "suggestions",
            timedelta(seconds=settings.suggestion_interval_seconds),
            partial(suggestions.take_due, transact),
        ),
        Job(
            "waiting-views",
            timedelta(seconds=settings.waiting_views_interval_seconds),
            partial(attention.count_waiting, transact, activity_of(settings)),
        ),
        Job("alerts", timedelta(seconds=settings.alert_interval_seconds), partial(alerts.resolve, transact)),
    ]


async def _republish(runtime: AnalyticsRuntime) -> int:
    return await scores.republish(runtime.transact, runtime.settings.heat)


def _range(parser: ArgumentParser) -> None:
    parser.add_argument("topic", choices=sorted(_TOPICS.values()), help="name without prefix")
    parser.add_argument("--to", type=int, default=0, metavar="OFFSET", help="in each partition (0)")


async def _rewind(runtime: AnalyticsRuntime, asked: Namespace) -> None:
    await positions.rewind(runtime.db[POSITIONS], asked.topic, asked.to)


@asynccontextmanager
async def _learned(runtime: AnalyticsRuntime) -> AsyncIterator[Learned]:
    yield Learned(SessionIndex(runtime.settings.neighbours))


SERVICE = analytics()
