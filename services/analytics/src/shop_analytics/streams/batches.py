"""A batch of a stream: one transaction, tried again while MongoDB fails, halved when an event is at fault."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from shop_analytics.application.intake import GROUP, Intake, Record
from shop_analytics.store.unit_of_work import Transact
from shop_events import metrics
from shop_events.unit_of_work import is_transient
from shop_events.waiting import Backoff

log = structlog.get_logger(__name__)


class Batches:
    """Hands batches to the intake."""

    def __init__(self, transact: Transact, intake: Intake) -> None:
        self._transact = transact
        self._intake = intake

    async def handle(self, records: Sequence[Record]) -> None:
        """Count ``records``, in whichever ranges they come and however often; bury what cannot be counted."""
        backoff = Backoff()
        while True:
            try:
                with metrics.BATCH_SECONDS.labels(GROUP).time():
                    await self._settle(records)
                return
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("MongoDB failed, the batch waits", reason=type(error).__name__)
                await backoff.pause(asyncio.Event())

    async def _settle(self, records: Sequence[Record]) -> None:
        try:
            await self._transact(self._intake.take, records)
        except Exception as error:
            if is_transient(error):
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._settle(records[:middle])
                await self._settle(records[middle:])
                return
            log.error("event given up", place=records[0].place, offset=records[0].offset, exc_info=error)
            await self._transact(self._intake.bury, records[0], type(error).__name__)
