"""Faust inside this process: reads the topics of some streams and hands them over in batches.

What a stream knows of its progress is in MongoDB, beside its state. Reading begins there, not at what Kafka
remembers of the group; a batch that fails takes the whole application down, and it starts again from there.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import faust
import structlog
from faust.types.tuples import TP

from shop_analytics.application.intake import Record
from shop_analytics.store.positions import Place
from shop_analytics.streams.transport import Transport, configuration
from shop_events.envelope import Message, headers_of
from shop_events.kafka import KafkaSettings
from shop_events.waiting import end

log = structlog.get_logger(__name__)

_WITHIN = timedelta(milliseconds=50)
_MOST_RUNS = 40
"""Runs that are taken at once: 10,000 records at most."""
_END_SECONDS = 10.0
_STUCK_SECONDS = 30.0


@dataclass(frozen=True)
class Stream:
    """A topic and what is done with a batch of its records: all of it or nothing.

    ``most`` is the largest number of records of a batch: what they write has to fit into a transaction that
    MongoDB lets live (15 s on the laptop).
    """

    name: str
    topic: str
    handle: Callable[[Sequence[Record]], Awaitable[None]]
    most: int = 500


Positions = Callable[[Sequence[Place]], Awaitable[Mapping[Place, int]]]
"""Returns the offset to go on from, for each place."""


class StreamsStuckError(Exception):
    """There is something to read and nothing arrives: the application has to be built anew."""


class StreamWorker:
    """Runs streams until told to stop; a failure of any of them ends the run with its error.

    Args:
        kafka: where the topics are.
        group: the consumer group that shares their partitions.
        streams: what to read, each stream by one agent instance.
        positions: where to go on.
    """

    def __init__(
        self, kafka: KafkaSettings, group: str, streams: Sequence[Stream], positions: Positions
    ) -> None:
        self._kafka = kafka
        self._group = kafka.named(group)
        self._streams = streams
        self._positions = positions
        self._app: faust.App | None = None
        self._progress_at = time.monotonic()
        self._in_hand = 0

    @property
    def ready(self) -> bool:
        """Say whether partitions are assigned and being read, none perhaps."""
        app = self._app
        return app is not None and not app.rebalancing and app.flow_control.is_active()

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop`` is set; a batch in hand is undone, and read again by whoever goes on.

        Raises:
            Exception: what a batch or the Kafka client raised.
        """
        with tempfile.TemporaryDirectory(prefix="shop-analytics-streams-") as folder:
            await self._run(stop, *self._build(Path(folder)))

    async def _run(self, stop: asyncio.Event, app: faust.App, failed: asyncio.Future[None]) -> None:
        stopped = asyncio.create_task(stop.wait())
        living = asyncio.create_task(self._live(app))
        watching = asyncio.create_task(self._watch_progress(app))
        ends: set[asyncio.Future[Any]] = {stopped, failed, living, watching}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        finally:
            self._app = None
            await end(ends)
            await _end(app)

    def _build(self, folder: Path) -> tuple[faust.App, asyncio.Future[None]]:
        app = faust.App(self._group, **configuration(self._kafka, folder))
        transport = Transport(app.conf.broker, app)
        transport.positions = self._known_positions
        app.transport = transport
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for stream in self._streams:
            topic = app.topic(self._kafka.named(stream.topic), value_serializer="raw", key_serializer="raw")
            app.agent(topic, name=f"{self._group}.{stream.name}")(self._agent(stream, failed))
        return app, failed

    async def _live(self, app: faust.App) -> None:
        await app.start()
        self._app = app
        await app.wait_until_stopped()
        raise app.crash_reason or ConnectionError("the stream application ended")

    async def _watch_progress(self, app: faust.App) -> None:
        """Fail when there is something to fetch and nothing has come for a while."""
        self._progress_at = time.monotonic()
        while True:
            await asyncio.sleep(_STUCK_SECONDS / 3)
            quiet = time.monotonic() - self._progress_at
            if quiet > _STUCK_SECONDS and not self._in_hand and await _is_behind(app):
                raise StreamsStuckError(self._group)

    def _agent(self, stream: Stream, failed: asyncio.Future[None]) -> Callable[..., Any]:
        async def agent(events: Any) -> None:
            async for batch in events.take_events(_MOST_RUNS, within=_WITHIN.total_seconds()):
                try:
                    await self._handle(stream, [record for event in batch for record in event.value])
                except Exception as error:
                    if not failed.done():
                        failed.set_exception(error)
                    await asyncio.Event().wait()  # until the application is stopped: no later batch may pass

        return agent

    async def _handle(self, stream: Stream, fetched: Sequence[Any]) -> None:
        self._in_hand += 1
        try:
            for start in range(0, len(fetched), stream.most):
                await stream.handle([self._record(each) for each in fetched[start : start + stream.most]])
                self._progress_at = time.monotonic()
        finally:
            self._in_hand -= 1

    def _record(self, message: Any) -> Record:
        key = (message.key or b"").decode("utf-8", "replace")
        topic = self._kafka.bare(message.topic)
        headers = headers_of(message.headers or ())
        return Record(Message(topic, key, headers, message.value), message.partition, message.offset)

    async def _known_positions(self, assigned: Sequence[TP]) -> dict[TP, int]:
        places = {(self._kafka.bare(tp.topic), tp.partition): tp for tp in assigned}
        known = await self._positions(list(places))
        return {places[place]: offset for place, offset in known.items()}


async def _is_behind(app: faust.App) -> bool:
    """Say whether a partition that is ours has more than what was fetched of it, or will not tell."""
    assigned = app.consumer.assignment()
    try:
        async with asyncio.timeout(_STUCK_SECONDS):
            ends = await app.consumer.highwaters(*assigned) if assigned else {}
            fetched = {place: await app.consumer.position(place) or 0 for place in ends}
    except Exception as error:
        log.warning("positions cannot be had", reason=type(error).__name__)
        return True
    return any(fetched[place] < end for place, end in ends.items())


async def _end(app: faust.App) -> None:
    try:
        async with asyncio.timeout(_END_SECONDS):
            await app.stop()
    except TimeoutError:
        log.warning("the stream application did not stop in time")
