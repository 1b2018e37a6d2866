"""Composition root: the environment in, the wired service out."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from shop_catalog import consumers
from shop_catalog.adapters.payment_webhooks import PaymentWebhook
from shop_catalog.adapters.payments import PaymentClient, open_session
from shop_catalog.adapters.search_folder import claimed_folder
from shop_catalog.adapters.search_index import SearchIndex
from shop_catalog.api import ERRORS, LARGE_BODIES, ROUTERS
from shop_catalog.api.import_file import import_file
from shop_catalog.api.import_mapping import known_mappings, mapping_of
from shop_catalog.api.import_records import Format
from shop_catalog.api.kept_answers import KeptAnswers
from shop_catalog.api.plain_orders import PlainOrders
from shop_catalog.api.plain_reads import PlainReads
from shop_catalog.api.plain_searches import PlainSearches
from shop_catalog.application import lists
from shop_catalog.application.checkout import Checkout
from shop_catalog.application.imports import Importer
from shop_catalog.application.popular_searches import PopularSearches
from shop_catalog.application.pricing import PriceBook
from shop_catalog.application.returns import ReturnDesk
from shop_catalog.application.search import SearchDesk
from shop_catalog.application.search_keeper import IndexKeeper
from shop_catalog.application.shared_products import SharedProducts, documents
from shop_catalog.domain.access import Operator
from shop_catalog.jobs import categories, erasures, payments, products, reviews
from shop_catalog.settings import CatalogSettings
from shop_catalog.store.cards import CARDS
from shop_catalog.store.product_changes import ProductChanges
from shop_catalog.store.products import forget_ratings
from shop_catalog.store.schema import migrate
from shop_catalog.store.search import SearchableProducts
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_chassis.app import Api
from shop_chassis.direct import BodyShortcut, Shortcut
from shop_chassis.jobs import Job
from shop_chassis.service import Command, Runtime, Service
from shop_chassis.supervision import Part
from shop_events.handlers import Subscriptions
from shop_events.read_model import emptied


@dataclass(frozen=True)
class Resources:
    """What catalog reaches out by, what it keeps ready, and what it searches in."""

    checkout: Checkout
    reads: PlainReads
    search: SearchDesk
    searches: PlainSearches
    popular: PopularSearches
    index: IndexKeeper[SearchIndex]


CatalogRuntime = Runtime[CatalogSettings, Resources]

_LONGEST_RUN = timedelta(minutes=2)
_FOLLOWING = timedelta(seconds=5)
"""Time between two looks for categories whose products are to follow them, and for people to forget."""

_TURN_SECONDS = 0.0005
"""How long a thread that found something may have to wait for a busy event loop, each time it needs Python.

Measured with 100,000 products, 32 connections, nothing kept: 240 searches a second, with Python's 5 ms 191.
"""


def _api(runtime: CatalogRuntime) -> Api:
    secret = runtime.settings.payment_webhook_secret.get_secret_value()
    ours = runtime.resources
    state: dict[str, object] = {"checkout": ours.checkout, "reads": ours.reads}
    state |= {"search": ours.search, "searches": ours.searches}
    state["returns"] = ReturnDesk(runtime.transact, runtime.settings.return_window)
    state["payment_webhook"] = PaymentWebhook(secret)
    plain = [*ours.reads.shortcuts, *ours.searches.shortcuts]
    shortcuts: list[Shortcut | BodyShortcut] = [*plain, PlainOrders(ours.checkout).shortcut]
    return Api(ROUTERS, ERRORS, state, LARGE_BODIES, shortcuts)


def _api_parts(runtime: CatalogRuntime) -> list[Part]:
    ours = runtime.resources
    changes, index = ProductChanges(runtime.db, ours.reads.kept, ours.searches.kept), ours.index
    return [
        Part("product-changes", changes.run, outlived=True),
        Part("popular-searches", ours.popular.run, outlived=True),
        Part("search-index", index.run, index.caught_up.is_set, outlived=True),
    ]


def _jobs(runtime: CatalogRuntime) -> list[Job]:
    every, checkout = runtime.settings.payment_checks, runtime.resources.checkout
    return [
        Job("settle-payments", every, partial(payments.settle, checkout), _LONGEST_RUN),
        Job("reverse-payments", every, partial(payments.reverse, checkout), _LONGEST_RUN),
        Job("refund-payments", every, partial(payments.refund, checkout), _LONGEST_RUN),
        Job("erase-people", _FOLLOWING, partial(erasures.erase, runtime.transact), _LONGEST_RUN),
        Job("spread-categories", _FOLLOWING, partial(categories.spread, runtime.transact), _LONGEST_RUN),
    ]


async def _republish(runtime: CatalogRuntime) -> int:
    await reviews.recount(runtime.transact)
    return await products.republish(runtime.transact)


@asynccontextmanager
async def _resources(runtime: CatalogRuntime) -> AsyncIterator[Resources]:
    settings = runtime.settings
    shared = SharedProducts(lambda ids: runtime.transact.read(documents, ids))
    reads = PlainReads(
        shared,
        lambda wanted: runtime.transact.read(lists.page, wanted, None),
        KeptAnswers(settings.hot_answers_bytes),
    )
    key = settings.payment_api_key.get_secret_value()
    async with open_session(key, settings.payment_timeout_seconds) as session:
        provider = PaymentClient(session, settings.payment_base_url, settings.payment_capture)
        prices = PriceBook(runtime.transact, timedelta(seconds=settings.price_rules_seconds))
        checkout = Checkout(runtime.transact, provider, settings.payment_deadline, prices, settings.patience)
        popular = PopularSearches(
            runtime.transact,
            settings.search_popular_visitors,
            timedelta(seconds=settings.search_popular_seconds),
        )
        with _searching(runtime, popular) as (search, index):
            searches = PlainSearches(search, KeptAnswers(settings.search_kept_bytes))
            yield Resources(checkout, reads, search, searches, popular, index)


@contextmanager
def _searching(
    runtime: CatalogRuntime, popular: PopularSearches
) -> Iterator[tuple[SearchDesk, IndexKeeper[SearchIndex]]]:
    settings = runtime.settings
    sys.setswitchinterval(_TURN_SECONDS)
    with ThreadPoolExecutor(settings.search_threads, "search") as threads, ExitStack() as stack:
        keeper = IndexKeeper(
            SearchableProducts(runtime.db, settings.search_refresh_seconds),
            lambda: SearchIndex(stack.enter_context(claimed_folder(settings.search_folder))),
        )
        stack.callback(keeper.close)
        yield SearchDesk(runtime.transact, keeper.index, threads, popular), keeper


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, help="CSV, JSON lines or a JSON array; may be compressed with gzip"
    )
    parser.add_argument("--format", type=Format, choices=list(Format), help="else by the file's name")
    parser.add_argument("--mapping", type=mapping_of, help=f"{', '.join(known_mappings())}, or one as JSON")
    parser.add_argument(
        "--report", type=Path, help="file for a JSON object a line; else rejected lines alone"
    )


async def _import(runtime: CatalogRuntime, arguments: Namespace) -> int:
    return await import_file(Importer(runtime.transact, Operator()), arguments)


SERVICE: Service[CatalogSettings, Resources] = Service(
    settings=CatalogSettings,
    unit_of_work=CatalogUnitOfWork,
    api=_api,
    subscriptions=Subscriptions.of("catalog", consumers),
    read_models={"scores": forget_ratings, CARDS: emptied(CARDS)},
    migrate=migrate,
    resources=_resources,
    jobs=_jobs,
    api_parts=_api_parts,
    republish=_republish,
    commands=[Command("import", "make and change products as a file says", _import, _import_arguments)],
)
"""Catalog, wired; nothing is connected yet."""
