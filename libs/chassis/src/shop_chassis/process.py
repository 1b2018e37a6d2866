"""A running service: HTTP, relay, consumer, jobs and projections in one event loop, ended in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from shop_chassis import mongo
from shop_chassis.app import create_app
from shop_chassis.health import Readiness, health_routes, measure_loop_lag
from shop_chassis.jobs import JobRunner
from shop_chassis.projections import local_verifier
from shop_chassis.server import HttpServer, http_server
from shop_chassis.service import Runtime, Service
from shop_chassis.supervision import Part, supervise
from shop_chassis.vitals import vitals_part
from shop_events.consumer import Consumer
from shop_events.relay import OutboxRelay

log = structlog.get_logger("shop_chassis.process")


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
        api: whether it serves the API; a process that does not has a port for health and metrics alone.
        worker: whether it runs relay, consumer, jobs and the service's own parts.
    """

    def __init__(
        self, service: Service[Any, Any], runtime: Runtime[Any, Any], *, api: bool, worker: bool
    ) -> None:
        self._settings = runtime.settings
        self._stopping = runtime.stopping
        self._port = self._settings.http_port if api else self._settings.worker_port
        self._readiness = Readiness()
        self._readiness.require("mongodb", lambda: mongo.answers(runtime.client))
        watching = [Part("loop-lag", measure_loop_lag), vitals_part(self._settings)]
        taking: list[Part] = []
        handing_on: list[Part] = []
        if worker:
            taking, handing_on = _worker_parts(service, runtime)
        if api:
            self._app, projections = self._api(service, runtime)
            watching += projections
        else:
            self._app = Starlette(routes=health_routes(self._readiness))
        self._stages = [Stage(taking), Stage(handing_on), Stage(watching)]  # stopped in this order
        for part in (*taking, *handing_on, *watching):
            self._readiness.require(part.name, part.is_ready, part.why)

    async def run(self, stop: asyncio.Event, started: Callable[[], None] = lambda: None) -> None:
        """Run until ``stop`` is set, then end everything in order, within the deadline.

        Raises:
            OSError: the port cannot be had.
        """
        listening = _listen(self._settings.http_host, self._port)
        server = http_server(self._app, self._settings)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve([listening]), name="http")
            for stage in self._stages:
                stage.start(group)
            parts = [part.name for stage in self._stages for part in stage.parts]
            log.info("started", port=listening.getsockname()[1], parts=parts)
            started()
            await _either(stop, serving)
            await self._end(server, serving)
        log.info("stopped")

    def _api(self, service: Service[Any, Any], runtime: Runtime[Any, Any]) -> tuple[ASGIApp, list[Part]]:
        verifier, projections = local_verifier(runtime.settings)
        app = create_app(
            runtime.settings,
            service.api(runtime),
            transact=runtime.transact,
            verifier=verifier,
            readiness=self._readiness,
        )
        return app, [*projections, *service.api_parts(runtime)]

    async def _end(self, server: HttpServer, serving: asyncio.Task[None]) -> None:
        self._readiness.stop()
        log.info("stopping")
        try:
            async with asyncio.timeout(self._settings.shutdown_seconds):
                await asyncio.sleep(self._settings.drain_seconds)
                self._stopping.set()
                server.should_exit = True
                await serving
                for stage in self._stages:
                    await stage.end()
        except TimeoutError:
            log.error("not stopped in time", seconds=self._settings.shutdown_seconds)
            for task in (serving, *(task for stage in self._stages for task in stage.tasks)):
                task.cancel()


def _worker_parts(service: Service[Any, Any], runtime: Runtime[Any, Any]) -> tuple[list[Part], list[Part]]:
    """Return what takes work in, and what hands its results on."""
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
    return taking, [Part("relay", relay.run, lambda: relay.healthy, lambda: relay.problem)]


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
