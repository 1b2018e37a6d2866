"""Where the invoices come from: a named file, the Online Retail file beside the project, or made up."""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shop_devstack import folders
from shop_devstack.demo import generator
from shop_devstack.demo.errors import UnreadableInvoicesError
from shop_devstack.demo.invoices import COLUMNS, Row

BESIDE = folders.PROJECT.parent / "shared" / "data" / "online_retail.csv.gz"


@dataclass(frozen=True, slots=True)
class Source:
    """Rows, and a sentence that says what they are."""

    told: str
    rows: Iterator[Row]


@contextmanager
def open_source(file: Path | None, beside: Path = BESIDE) -> Iterator[Source]:
    """Open the file that was named; else the one beside the project; else make invoices up.

    Raises UnreadableInvoicesError.
    """
    if file is None and not beside.exists():
        yield Source(
            f"Made-up invoices, because there is no {beside.name} beside the project", generator.rows()
        )
        return
    chosen = file or beside
    try:
        with _opened(chosen) as text:
            yield Source(f"Real invoices of {chosen.name}", _rows(chosen, text))
    except (OSError, EOFError, csv.Error) as error:
        raise UnreadableInvoicesError(f"{chosen} cannot be read: {error}") from error


def _opened(file: Path) -> IO[str]:
    # copies of the data differ in their encoding; only titles are not ASCII
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="")
    return file.open(encoding="utf-8", errors="replace", newline="")


def _rows(file: Path, text: IO[str]) -> Iterator[Row]:
    reader = csv.DictReader(text)
    if missing := set(COLUMNS) - set(reader.fieldnames or ()):
        raise UnreadableInvoicesError(f"{file} has no column {', '.join(sorted(missing))}")
    return reader
