"""A running service: HTTP, relay, consumer, jobs and projections in one event loop, ended in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from shop_chassis import mongo
from shop_chassis.app import create_app
from shop_chassis.auth import TokenVerifier
from shop_chassis.health import Readiness, health_routes, measure_loop_lag
from shop_chassis.jobs import JobRunner
from shop_chassis.projections import Revocations, SigningKeys
from shop_chassis.service import Runtime, Service
from shop_chassis.supervision import Part, supervise
from shop_events.compacted_view import CompactedView
from shop_events.consumer import Consumer
from shop_events.contracts.identity import SigningKeyPublished, TokensRevoked
from shop_events.relay import OutboxRelay

log = structlog.get_logger("shop_chassis.process")

_HTTP_SHARE_OF_DEADLINE = 0.5


class HttpServer(uvicorn.Server):
    """uvicorn, told to stop by us: the process handles its signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@dataclass
class Stage:
    """Parts that are stopped together."""

    parts: Sequence[Part]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run the parts, supervised."""
        for part in self.parts:
            self.tasks.append(group.create_task(supervise(part, self.stop), name=part.name))

    async def end(self) -> None:
        """Tell the parts to stop and wait until they have."""
        self.stop.set()
        await asyncio.gather(*self.tasks)


class Process:
    """One process of a service.

    Args:
        service: what to run.
        runtime: what ``service.open`` gave.
        api: whether it serves the API.
        worker: whether it runs relay, consumer, jobs and the service's own parts.
    """

    def __init__(
        self, service: Service[Any, Any], runtime: Runtime[Any, Any], *, api: bool, worker: bool
    ) -> None:
        self._settings = runtime.settings
        self._serves_api = api
        self._readiness = Readiness()
        self._readiness.require("mongodb", lambda: mongo.answers(runtime.client))
        self._gathering = Stage([Part("loop-lag", measure_loop_lag)])
        self._app: ASGIApp = Starlette(routes=health_routes(self._readiness))
        # Stopped in this order: what takes work in, what hands its results out, what both look things up in.
        self._stages = [Stage([]), Stage([]), self._gathering]
        if worker:
            self._stages[0].parts, self._stages[1].parts = _worker_parts(service, runtime)
        if api:
            self._app = self._api(service, runtime)
        for part in (part for stage in self._stages for part in stage.parts):
            self._readiness.require(part.name, part.is_ready)
        self.port = 0

    async def run(self, stop: asyncio.Event, started: Callable[[], None] = lambda: None) -> None:
        """Run until ``stop`` is set, then end everything in order, within the deadline.

        Raises:
            OSError: the port cannot be had.
        """
        settings = self._settings
        listening = _listen(
            settings.http_host, settings.http_port if self._serves_api else settings.worker_port
        )
        self.port = listening.getsockname()[1]
        server = self._server()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve([listening]), name="http")
            for stage in self._stages:
                stage.start(group)
            log.info("started", port=self.port, parts=[p.name for s in self._stages for p in s.parts])
            started()
            await _either(stop, serving)
            await self._end(server, serving)
        log.info("stopped")

    def _api(self, service: Service[Any, Any], runtime: Runtime[Any, Any]) -> ASGIApp:
        settings = runtime.settings
        keys = CompactedView(settings.kafka, SigningKeyPublished)
        revocations = CompactedView(settings.kafka, TokensRevoked)
        self._gathering.parts = [
            *self._gathering.parts,
            Part("signing-keys", keys.run, keys.caught_up.is_set, outlived=True),
            Part("revocations", revocations.run, revocations.caught_up.is_set, outlived=True),
        ]
        verifier = TokenVerifier(
            SigningKeys(keys),
            Revocations(revocations),
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            leeway=settings.token_leeway,
        )
        return create_app(
            settings,
            service.api(runtime),
            transact=runtime.transact,
            verifier=verifier,
            readiness=self._readiness,
        )

    def _server(self) -> HttpServer:
        settings = self._settings
        return HttpServer(
            uvicorn.Config(
                self._app,
                http="httptools",
                loop="none",
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                # Idle connections count as well; requests at once are bounded by the application.
                limit_concurrency=8 * settings.max_in_flight,
                timeout_graceful_shutdown=max(1, int(settings.shutdown_seconds * _HTTP_SHARE_OF_DEADLINE)),
            )
        )

    async def _end(self, server: HttpServer, serving: asyncio.Task[None]) -> None:
        self._readiness.stop()
        log.info("stopping")
        try:
            async with asyncio.timeout(self._settings.shutdown_seconds):
                await asyncio.sleep(self._settings.drain_seconds)
                server.should_exit = True
                await serving
                for stage in self._stages:
                    await stage.end()
        except TimeoutError:
            log.error("not stopped in time", seconds=self._settings.shutdown_seconds)
            for task in (serving, *(task for stage in self._stages for task in stage.tasks)):
                task.cancel()


def _worker_parts(service: Service[Any, Any], runtime: Runtime[Any, Any]) -> tuple[list[Part], list[Part]]:
    """Return what takes work in, and what hands its results out."""
    settings, client, db = runtime.settings, runtime.client, runtime.db
    runtime.jobs = {job.name: job for job in service.jobs(runtime)}
    consumer = Consumer(db, settings.kafka, service.subscriptions, runtime.transact)
    relay = OutboxRelay(client, db, settings.kafka, settings.service_name)
    jobs = JobRunner(db, list(runtime.jobs.values()), settings.instance_id)
    taking = [
        Part("consumer", consumer.run, lambda: consumer.ready),
        Part("jobs", jobs.run),
        *service.parts(runtime),
    ]
    return taking, [Part("relay", relay.run, lambda: relay.healthy)]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


async def _either(stop: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait for the stop; an HTTP server that ends by itself ends the process too."""
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([waiting, serving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
