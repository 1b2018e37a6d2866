"""Composition root: the environment in, the wired service out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from shop_chassis.app import Api
from shop_chassis.jobs import Job
from shop_chassis.service import Runtime, Service
from shop_events.handlers import Subscriptions
from shop_events.read_model import emptied
from shop_events.telemetry import TelemetryProducer
from shop_events.unit_of_work import Transactor
from shop_session.api import ERRORS, ROUTERS
from shop_session.application.activity import ActivityDesk, Telemetry
from shop_session.application.turns import Turns
from shop_session.consumers import catalog, identity
from shop_session.jobs import jobs_of
from shop_session.settings import SessionSettings
from shop_session.store.schema import CONTACTS, ORDERS, PRODUCTS, migrate
from shop_session.store.unit_of_work import SessionUnitOfWork, Transact

SessionRuntime = Runtime[SessionSettings, TelemetryProducer]


def session() -> Service[SessionSettings, TelemetryProducer]:
    """Return the service; nothing is connected yet."""
    return Service(
        settings=SessionSettings,
        unit_of_work=SessionUnitOfWork,
        api=lambda runtime: api_of(runtime.transact, runtime.resources),
        subscriptions=Subscriptions.of("session", catalog, identity),
        read_models={name: emptied(name) for name in (PRODUCTS, ORDERS, CONTACTS)},
        migrate=migrate,
        resources=_telemetry,
        jobs=_jobs,
    )


def api_of(transact: Transact, telemetry: Telemetry) -> Api:
    """Return the routes and what they find in the application's state."""
    return Api(ROUTERS, ERRORS, {"turns": Turns(), "activity": ActivityDesk(transact, telemetry)})


def _jobs(runtime: SessionRuntime) -> list[Job]:
    settings = runtime.settings
    return jobs_of(
        runtime.transact,
        expiry_checks=settings.expiry_checks,
        cart_checks=settings.cart_checks,
        cart_patience=settings.cart_patience,
    )


@asynccontextmanager
async def _telemetry(runtime: SessionRuntime) -> AsyncIterator[TelemetryProducer]:
    settings = runtime.settings
    # The lifetimes are in the environment, which is not known yet when the service is described.
    timed = partial(SessionUnitOfWork, source=settings.service_name, lifetimes=settings.lifetimes)
    runtime.transact = Transactor(runtime.client, runtime.db, timed)
    async with TelemetryProducer(
        settings.kafka,
        within=settings.telemetry_timeout_seconds,
        most_waiting=settings.telemetry_most_waiting,
    ) as telemetry:
        yield telemetry


SERVICE = session()
