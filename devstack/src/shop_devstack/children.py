"""Child processes that never outlive this one: start, watch for readiness, stop, and read their logs."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from shop_devstack import launch
from shop_devstack.errors import NotReadyError

_POLL_SECONDS = 0.05


def bound_to_parent(argv: Sequence[str | Path], environment: Path | None = None) -> list[str]:
    """Return the command line that runs `argv` and dies with whoever starts it.

    Args:
        environment: JSON file with variables to add.
    """
    extra = ["--environment", str(environment)] if environment else []
    return [sys.executable, "-I", "-S", str(launch.__file__), *extra, *map(str, argv)]


@contextmanager
def running(
    argv: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
    stop_seconds: float = 20,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with its output in `log`; on exit end it by SIGTERM, after `stop_seconds` by SIGKILL.

    Args:
        env: the whole environment of the child; this process's own when None.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            bound_to_parent(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    try:
        yield child
    finally:
        stop(child, stop_seconds)


def stop(child: subprocess.Popen[bytes], seconds: float) -> None:
    """End a child and reap it."""
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def await_ready(
    part: str,
    ready: Callable[[], bool],
    alive: Callable[[], bool],
    log: Path,
    seconds: float,
) -> None:
    """Ask `ready` again and again until it says yes.

    Raises NotReadyError with the last log lines when `alive` says no or `seconds` have passed.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive():
            raise NotReadyError(part, "it ended while starting", last_lines(log))
        if time.monotonic() > deadline:
            raise NotReadyError(part, f"no answer within {seconds:.0f} s", last_lines(log))
        time.sleep(_POLL_SECONDS)


def last_lines(log: Path, count: int = 15) -> str:
    """Return the end of a log file; empty when there is none. Reads at most 16 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""
