"""How a service describes itself, and what it is given when it runs."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from shop_chassis.app import Api
from shop_chassis.jobs import Job
from shop_chassis.mongo import Document, connect
from shop_chassis.projections import FOLLOWED_BY_ALL
from shop_chassis.settings import ServiceSettings
from shop_chassis.supervision import Part
from shop_events import migrations
from shop_events.contracts import Event
from shop_events.handlers import Subscriptions
from shop_events.read_model import Forget
from shop_events.unit_of_work import Transactor, UnitOfWork

S = TypeVar("S", bound=ServiceSettings)
R = TypeVar("R")


@dataclass
class Runtime(Generic[S, R]):
    """What the parts of a running service share.

    ``resources`` is whatever :attr:`Service.resources` opened: the service's outward ports. ``stopping`` is
    set when the process begins to end: answers that stream until then must end too.
    """

    settings: S
    client: AsyncMongoClient[Document]
    db: AsyncDatabase[Document]
    transact: Transactor[Any]
    resources: R = field(init=False)
    jobs: dict[str, Job] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self, job: str) -> None:
        """Let ``job`` run soon, if this process runs it."""
        if job in self.jobs:
            self.jobs[job].wake()


@dataclass(frozen=True)
class Command(Generic[S, R]):
    """A further word on the command line, such as ``create-admin``.

    ``run`` returns the exit code, or None for 0.
    """

    name: str
    help: str
    run: Callable[[Runtime[S, R], Namespace], Awaitable[int | None]]
    arguments: Callable[[ArgumentParser], None] = lambda parser: None


@asynccontextmanager
async def _nothing(_: Any) -> AsyncIterator[Any]:
    yield None


@dataclass(frozen=True, kw_only=True)
class Service(Generic[S, R]):
    """One service, as its ``main`` composes it.

    Args:
        settings: its environment.
        unit_of_work: what its use cases work with, made from ``(db, session, source)``.
        api: routes and error map.
        subscriptions: the events it listens to.
        follows: the events that parts of it read for themselves, beside the subscriptions.
        migrate: makes its database fit; run at every start, so again is harmless.
        resources: opens its outward ports, and closes them at the end.
        jobs: what it does every so often.
        parts: what else its worker runs, besides relay, consumer and jobs.
        api_parts: what runs beside its API: what each such process learns for itself.
        republish: puts all state it owns into the outbox again; returns the number of facts.
        read_models: how to forget each read model, by the name of its projection; ``rebuild`` makes it again.
        commands: further commands.
    """

    settings: type[S]
    unit_of_work: Callable[..., UnitOfWork]
    api: Callable[[Runtime[S, R]], Api]
    subscriptions: Subscriptions
    follows: Sequence[type[Event]] = ()
    migrate: Callable[[AsyncDatabase[Document]], Awaitable[None]]
    resources: Callable[[Runtime[S, R]], AbstractAsyncContextManager[R]] = _nothing
    jobs: Callable[[Runtime[S, R]], Sequence[Job]] = lambda runtime: ()
    parts: Callable[[Runtime[S, R]], Sequence[Part]] = lambda runtime: ()
    api_parts: Callable[[Runtime[S, R]], Sequence[Part]] = lambda runtime: ()
    republish: Callable[[Runtime[S, R]], Awaitable[int]] | None = None
    read_models: Mapping[str, Forget] = field(default_factory=dict)
    commands: Sequence[Command[S, R]] = ()

    @property
    def reads(self) -> frozenset[type[Event]]:
        """All events it reads in any way; keys and revocations are read by every service."""
        subscribed = {handler.contract for handler in self.subscriptions}
        return frozenset({*subscribed, *self.follows, *FOLLOWED_BY_ALL})

    @asynccontextmanager
    async def open(self, settings: S) -> AsyncIterator[Runtime[S, R]]:
        """Connect, make the database fit and open the service's own ports; close all of it at the end."""
        async with connect(settings) as client:
            db = client[settings.mongodb_database]
            factory = partial(self.unit_of_work, source=settings.service_name)
            runtime: Runtime[S, R] = Runtime(settings, client, db, Transactor(client, db, factory))
            await migrations.migrate(db)
            await self.migrate(db)
            async with self.resources(runtime) as runtime.resources:
                yield runtime
