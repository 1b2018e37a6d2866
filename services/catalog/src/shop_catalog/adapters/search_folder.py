"""A folder for each process that keeps an index: claimed while it runs, used again after it was killed."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO


@contextmanager
def claimed_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder below ``root`` that is this process' alone, and delete it at the end.

    Folders are numbered. The lowest number that no living process holds is taken, whatever a dead one left in
    it, so that processes which are killed time and again do not fill the disk.

    Raises:
        OSError: ``root`` cannot be written to.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _claimed(root) as number:
        folder = root / str(number)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _claimed(root: Path) -> Iterator[int]:
    for number in count():
        with (root / f"{number}.lock").open("a") as lock:
            if _is_free(lock):
                yield number
                return


def _is_free(lock: IO[str]) -> bool:
    """Lock a file if nobody has; the lock goes with the process, however it ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
