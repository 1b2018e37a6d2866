"""Files of products, cut into records with bounds; what a record says is for others to read."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

LONGEST_RECORD = 65_536
"""In bytes; a longer one is refused and skipped."""


class Format(StrEnum):
    """Forms of a file: a table with a heading, an object a line, or one array of objects."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    JSON = "json"


class Record(NamedTuple):
    """One record of a file, with the number of the line it begins on; or why it cannot be read."""

    line: int
    said: Any = None
    fault: str | None = None


async def records(chunks: AsyncIterator[bytes], form: Format) -> AsyncIterator[Record]:
    """Yield the records of a file as they come, and why those cannot be read that cannot."""
    if form is Format.JSON:
        async for record in _elements(chunks):
            yield record
        return
    heading: list[str] | None = None
    async for line in _lines(chunks, quoted=form is Format.CSV):
        if line.fault or not line.said.strip():
            if line.fault:
                yield line
            continue
        if form is Format.JSON_LINES:
            yield _object(line)
            continue
        cells = next(csv.reader([line.said]), [])
        if heading is None:
            heading = [cell.strip().removeprefix("\ufeff") for cell in cells]
        elif len(cells) != len(heading):
            yield Record(line.line, fault=f"It has {len(cells)} cells instead of {len(heading)}.")
        else:
            yield Record(line.line, dict(zip(heading, cells, strict=True)))


def _object(line: Record) -> Record:
    try:
        return Record(line.line, orjson.loads(line.said))
    except orjson.JSONDecodeError:
        return Record(line.line, fault="It is no JSON.")


async def _lines(chunks: AsyncIterator[bytes], *, quoted: bool) -> AsyncIterator[Record]:
    """Yield lines as text; with ``quoted``, those that an open quotation mark goes across are one."""
    cutter = _Cutter(quoted)
    async for chunk in chunks:
        for record in cutter.feed(chunk):
            yield record
    for record in cutter.end():
        yield record


class _Cutter:
    """Cuts bytes into lines, and holds no more than one of them."""

    def __init__(self, quoted: bool) -> None:
        self._quoted = quoted
        self._rest = b""
        self._held = b""
        self._line, self._begun = 1, 1
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[Record]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            yield from self._take(line)
            self._line += 1
        if len(self._rest) > LONGEST_RECORD:
            self._rest, self._skipping = self._rest[:1], True

    def end(self) -> Iterator[Record]:
        yield from self._take(self._rest)
        if self._held:
            yield Record(self._begun, fault="A quotation mark is not closed.")

    def _take(self, line: bytes) -> Iterator[Record]:
        if not self._held:
            self._begun = self._line
        record = self._held + b"\n" + line if self._held else line
        if self._skipping or len(record) > LONGEST_RECORD:
            self._skipping, self._held = False, b""
            yield Record(self._begun, fault=f"It is longer than {LONGEST_RECORD} bytes.")
        elif self._quoted and record.count(b'"') % 2:
            self._held = record
        else:
            self._held = b""
            yield _decoded(self._begun, record)


def _decoded(line: int, record: bytes) -> Record:
    try:
        return Record(line, record.removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        return Record(line, fault="It is not UTF-8.")


async def _elements(chunks: AsyncIterator[bytes]) -> AsyncIterator[Record]:
    """Yield the elements of a JSON array, numbered from 1. Behind a broken one, nothing can be read."""
    decoder, text, number = json.JSONDecoder(), "", 0
    pending = b""
    async for chunk in chunks:
        pending += chunk
        cut = max(pending.rfind(b"}"), pending.rfind(b"]")) + 1
        text, pending = text + pending[:cut].decode(errors="replace"), pending[cut:]
        while text := text.lstrip(" \t\r\n,[\ufeff"):
            if text[0] == "]":
                return
            try:
                value, end = decoder.raw_decode(text)
            except ValueError:
                break
            number, text = number + 1, text[end:]
            yield Record(number, value)
        if len(text) + len(pending) > LONGEST_RECORD + 2 * len(chunk):
            break
    if text.strip(" \t\r\n,]") or pending.strip(b" \t\r\n,]"):
        yield Record(number + 1, fault="It is no JSON, or too long; nothing behind it was read.")
