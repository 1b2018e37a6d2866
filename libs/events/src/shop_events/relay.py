"""The outbox relay: publishes a database's outbox in commit order, one active relay per database.

What a crash or a long pause can do, and why it is harmless:

* Before the Kafka transaction commits: nothing is visible, the rows are read again.
* After it, before the token is saved: the same rows are published again, in the same order, under the same
  ids; readers know the ids, and every compacted key ends at its newest record again.
* A relay that was paused past its lease: its successor opened the same ``transactional.id``, so the broker
  refuses what it still wants to publish, and its save fails on the lease.
* A client that never answers: each wait has a bound, after which everything is built anew.

A topic that the broker refuses is withheld, and tried again every so often by a sweep; the others go on.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Any

import structlog
from bson import Timestamp
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from shop_events import metrics, spans
from shop_events.ids import new_event_id
from shop_events.kafka import KafkaSettings
from shop_events.lease import Lease, LeaseLost
from shop_events.outbox import OUTBOX, depth, message_of
from shop_events.outbox_feed import HistoryLost, OutboxFeed, Page, Row, Token, open_feed, still_there, sweep
from shop_events.producing import TopicsRefused, TransactionalPublisher, transactional_publisher
from shop_events.relay_term import Term
from shop_events.topics import outbox_transactions
from shop_events.waiting import Backoff, wait_for
from shop_events.withholding import Withheld, to_remember

RELAY_STATE = "outbox_relay"
_STATE_ID = "position"
_LOOK_EVERY = 15.0

log = structlog.get_logger(__name__)


class OutboxRelay:
    """Publishes the outbox of one database for as long as it holds the lease; stands by otherwise.

    Args:
        client: the MongoDB client of ``db``, a replica set.
        db: the service's database.
        kafka: where to publish.
        service: the service's name; with the topic prefix it makes the ``transactional.id``.
        lease_ttl: how long after the last sign of life another relay may take over.
        acknowledged_within: how long a batch may take to be published before the producer is built anew.
        stuck_after: how long rows may wait with nothing being published, or because their topic was refused,
            before the outbox is swept.
    """

    def __init__(
        self,
        client: AsyncMongoClient[Any],
        db: AsyncDatabase[Any],
        kafka: KafkaSettings,
        service: str,
        *,
        lease_ttl: timedelta = timedelta(seconds=10),
        acknowledged_within: timedelta = timedelta(seconds=30),
        stuck_after: timedelta = timedelta(seconds=60),
    ) -> None:
        self._client = client
        self._db = db
        self._kafka = kafka
        self._transactional_id = kafka.named(outbox_transactions(service))
        self._ttl = lease_ttl.total_seconds()
        self._within = acknowledged_within.total_seconds()
        self._stuck_after = stuck_after.total_seconds()
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{new_event_id()}"
        self._lease = Lease(db, "outbox-relay", self._holder, lease_ttl)
        self._swept_until: Timestamp | None = None
        self._backoff = Backoff()
        self._refused = False
        self._published_at = time.monotonic()
        self._withheld = Withheld()
        self._works = True

    @property
    def healthy(self) -> bool:
        """Say whether everything that is to be published gets published, as far as this relay can tell."""
        return self._works and self._withheld.problem is None

    @property
    def problem(self) -> str | None:
        """Name the topics that the broker refuses, with reasons; None when it refuses none."""
        return self._withheld.problem

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until ``stop`` is set. Failures are logged, counted and tried again with growing pauses."""
        while not stop.is_set():
            try:
                if await self._lease.acquire():
                    await self._lead(stop)
                else:
                    self._works = True
                    self._withheld.hand_over()
                    await wait_for(stop, self._ttl / 3)
            except Exception as error:
                await self._failed(error)
                await self._backoff.pause(stop)
        self._withheld.hand_over()
        with suppress(PyMongoError):
            await self._lease.release()

    async def _failed(self, error: Exception) -> None:
        reason = type(error).__name__
        metrics.RELAY_FAILURES.labels(reason).inc()
        self._works = isinstance(error, LeaseLost | HistoryLost)
        log.warning("outbox relay starts again", reason=reason, detail=str(error)[:200])
        with suppress(PyMongoError, LeaseLost, TimeoutError):
            async with asyncio.timeout(self._ttl):
                if isinstance(error, HistoryLost):
                    await self._remember({"$unset": {"token": "", "refused": ""}})
                elif isinstance(error, TopicsRefused):
                    topics = to_remember(error.topics, error.reason)
                    await self._remember({"$addToSet": {"refused": {"$each": topics}}})
                    self._refused = False
                    self._backoff.reset()

    async def _lead(self, stop: asyncio.Event) -> None:
        async with self._publisher() as publisher:
            # Opening the producer fenced every earlier one. If the lease went meanwhile, its new holder
            # will be told by the broker and open its producer again.
            await self._hold()
            metrics.RELAY_LEADS.set(1)
            try:
                await self._follow(publisher, stop)
            finally:
                metrics.RELAY_LEADS.set(0)
                metrics.OUTBOX_ROWS.set(0)
                metrics.OUTBOX_OLDEST_SECONDS.set(0)

    def _publisher(self) -> AbstractAsyncContextManager[TransactionalPublisher]:
        return transactional_publisher(self._kafka, self._transactional_id, self._within)

    async def _follow(self, publisher: TransactionalPublisher, stop: asyncio.Event) -> None:
        state = await self._db[RELAY_STATE].find_one({"_id": _STATE_ID})
        token = state and state.get("token")
        self._withheld.begin(state.get("refused", ()) if state else ())
        async with open_feed(self._client, self._db, token, timed=token is None) as feed:
            # What the broker refused is still the first row: only a success says that it is better now.
            self._works = not self._refused
            self._published_at = time.monotonic()
            if token is None:
                await self._sweep(publisher, feed)
            self._withheld.tell()

            async def publish(page: Page) -> list[Row]:
                rows = self._withheld.from_others(await self._not_swept(page))
                await self._publish(publisher, rows)
                return rows

            await Term(feed, publish, self._save).run(stop, self._keep_lease(), self._look_after())

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._ttl / 3)
            await self._hold()

    async def _look_after(self) -> None:
        """Measure what waits, and notice when nothing of it is published any more."""
        while True:
            waiting = await depth(self._db)
            metrics.OUTBOX_ROWS.set(waiting.rows)
            metrics.OUTBOX_OLDEST_SECONDS.set(waiting.oldest_age)
            if self._withheld.seconds > self._stuck_after:
                raise HistoryLost("topics that were refused are tried again")
            quiet = min(waiting.oldest_age, time.monotonic() - self._published_at)
            if quiet > self._stuck_after and not self._withheld.topics:
                raise HistoryLost("rows are waiting that the change stream does not give")
            await asyncio.sleep(min(_LOOK_EVERY, self._stuck_after))

    async def _hold(self) -> None:
        async with asyncio.timeout(self._ttl):
            if not await self._lease.renew():
                raise LeaseLost("outbox-relay")

    async def _sweep(self, publisher: TransactionalPublisher, feed: OutboxFeed) -> None:
        """Publish every row there is.

        The stream was opened before, so what is committed later comes through it; what comes through it
        although it was swept is recognised by its missing row.
        """
        async for rows in sweep(self._client, self._db, without=self._withheld.topics):
            await self._publish(publisher, rows)
            await self._save(rows, None)
        hello = await self._db.command("hello")
        self._swept_until = hello["$clusterTime"]["clusterTime"]
        await self._save([], feed.token)

    async def _not_swept(self, page: Page) -> list[Row]:
        if self._swept_until is None:
            return page.rows
        if page.until is not None and page.until > self._swept_until:
            self._swept_until = None
        return await still_there(self._db, page.rows)

    async def _publish(self, publisher: TransactionalPublisher, rows: Sequence[Row]) -> None:
        if not rows:
            return
        self._refused = True
        created = (row["headers"].get("ce_traceparent", "") for row in rows)
        with metrics.PUBLISH_SECONDS.time(), spans.sending(created):
            await publisher.publish([message_of(row) for row in rows])
        self._refused = False
        self._works = True
        self._backoff.reset()
        self._published_at = time.monotonic()
        metrics.published(row["topic"] for row in rows)

    async def _save(self, rows: Sequence[Row], token: Token) -> None:
        """Forget exactly the acknowledged rows, then remember the place, if the lease is still ours.

        In this order, and the first outside of any transaction: what is forgotten before its place is
        remembered is published once more from the change stream, in order. (Deletes within a transaction
        would cost the stream as much to skip as the rows to read.)
        """
        async with asyncio.timeout(self._within):
            if rows:
                outbox = self._db[OUTBOX].with_options(write_concern=WriteConcern("majority"))
                await outbox.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
            if token is not None:
                await self._remember({"$set": {"token": token}})

    async def _remember(self, change: dict[str, Any]) -> None:
        async def save(session: AsyncClientSession) -> None:
            await self._lease.assert_held(session)
            await self._db[RELAY_STATE].update_one({"_id": _STATE_ID}, change, upsert=True, session=session)

        async with self._client.start_session() as session:
            await session.with_transaction(save, write_concern=WriteConcern("majority"))
