"""Bulk import from the command line: a file in, progress on the screen, what was rejected in a report."""

from __future__ import annotations

import gzip
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import orjson

from shop_catalog.api.import_lines import products
from shop_catalog.api.import_records import Format
from shop_catalog.api.importing import reported
from shop_catalog.application.imports import Importer
from shop_catalog.domain.imports import LineReport, LineStatus, Tally

_CHUNK = 1 << 18
_BATCH = 1000
_SUFFIXES = {
    ".csv": Format.CSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".json": Format.JSON,
}


async def import_file(importer: Importer, arguments: Namespace) -> int:
    """Import ``arguments.file``; return 1 where lines were rejected, 2 where the form is not known."""
    path: Path = arguments.file
    form = arguments.format or _SUFFIXES.get(Path(path.name.removesuffix(".gz")).suffix)
    if form is None:
        sys.stderr.write("Say the form of the file with --format.\n")
        return 2
    tally, began = Tally(), time.monotonic()
    with ExitStack() as files:
        file = files.enter_context(_opened(path))
        report = files.enter_context(arguments.report.open("wb")) if arguments.report else None
        told = products(_chunks(file), form, arguments.mapping)
        async for reports in reported(importer, told, _BATCH):
            tally.note(reports)
            _tell(reports, report)
            _show(tally, time.monotonic() - began)
    sys.stderr.write("\n")
    return 1 if tally[LineStatus.REJECTED] else 0


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _tell(reports: Sequence[LineReport], report: IO[bytes] | None) -> None:
    shown = reports if report else [each for each in reports if each.status is LineStatus.REJECTED]
    out = report or sys.stdout.buffer
    out.writelines(orjson.dumps(each) + b"\n" for each in shown)


def _show(tally: Tally, seconds: float) -> None:
    counts = ", ".join(f"{tally[status]:,} {status}" for status in LineStatus)
    sys.stderr.write(
        f"\r{tally.total():,} lines: {counts}; {tally.total() / max(seconds, 0.001):,.0f} a second "
    )
    sys.stderr.flush()
