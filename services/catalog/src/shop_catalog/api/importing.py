"""An import as it runs: lines gathered into batches, each stored while the next one is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson

from shop_catalog.api.import_lines import Told
from shop_catalog.application.imports import READ_AT_ONCE, Importer
from shop_catalog.domain.imports import ImportedProduct, LineReport, LineStatus, Tally
from shop_events.waiting import end

BATCH = 300
"""Lines of a transaction in a process that has others to answer meanwhile."""


async def report_lines(importer: Importer, told: AsyncIterator[Told]) -> AsyncIterator[bytes]:
    """Store what is told; yield a JSON object a line of the file, and at the end how many came to what."""
    tally = Tally()
    async for reports in reported(importer, told):
        tally.note(reports)
        yield b"".join(orjson.dumps(report) + b"\n" for report in reports)
    yield orjson.dumps({"done": True, **{status.value: tally[status] for status in LineStatus}}) + b"\n"


async def reported(
    importer: Importer, told: AsyncIterator[Told], size: int = BATCH
) -> AsyncIterator[list[LineReport]]:
    """Store what is told, ``size`` lines after the other; yield what became of them, in order."""
    storing: asyncio.Task[list[LineReport]] | None = None
    try:
        async for batch in _batches(told, size):
            if storing is not None:
                yield await storing
            storing = asyncio.create_task(_stored(importer, batch))
        if storing is not None:
            yield await storing
            storing = None
    finally:
        if storing is not None:
            await end([storing])


async def _stored(importer: Importer, batch: list[Told]) -> list[LineReport]:
    wanted = [each for each in batch if isinstance(each, ImportedProduct)]
    stored = {report.line: report for report in (await importer.take(wanted) if wanted else ())}
    return [
        report
        for each in batch
        for report in ([each] if isinstance(each, LineReport) else each.reports(stored[each.line]))
    ]


async def _batches(told: AsyncIterator[Told], size: int) -> AsyncIterator[list[Told]]:
    batch: list[Told] = []
    lines = 0
    async for each in told:
        batch.append(each)
        lines += 1 if isinstance(each, LineReport) else 1 + len(each.more_lines) + len(each.faults)
        if lines >= size:
            yield batch
            batch, lines = [], 0
        elif len(batch) % READ_AT_ONCE == 0:
            await asyncio.sleep(0)
    if batch:
        yield batch
