"""The load generator: a process that keeps some connections busy for some seconds and prints its figure.

It writes HTTP/1.1 to sockets by itself: an HTTP library would cost more than what is measured. Started with
a :class:`Load` as JSON on its standard input, by :func:`load`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, cast

import uvloop

from bench.figures import Figure, percentile
from shop_devstack.ports import LOOPBACK

CONNECTIONS = 32

Requests = Callable[[Any, int], Iterator[bytes]]
"""Given what a load is about, and the number of a connection: that connection's requests, without end."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to do.

    Args:
        port: of the server, on the loopback.
        requests: ``module:function``, a :data:`Requests`.
        given: the function's first argument; what JSON can say.
        seconds: how long to go on after half a second of warming up.
        weight: how much one answer counts.
        status: of every answer; another one ends the measurement,
        refusal: but for this one, which is not counted.
        connections: kept busy at the same time.
    """

    port: int
    requests: str
    given: Any
    seconds: float
    weight: int = 1
    status: int = 200
    refusal: int | None = None
    connections: int = CONNECTIONS


class UnexpectedAnswerError(Exception):
    """The server answered something else than a measurement may count."""


def load(what: Load) -> Figure:
    """Measure in a process of its own.

    Raises:
        UnexpectedAnswerError: an answer had another status; its beginning is the text.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(what)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UnexpectedAnswerError(done.stderr[-2000:])
    return Figure(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, requests: Iterator[bytes], what: Load, ended: asyncio.Future[None]) -> None:
        self._requests = requests
        self._status = f"HTTP/1.1 {what.status}".encode()
        self._refusal = None if what.refusal is None else f"HTTP/1.1 {what.refusal}".encode()
        self._ended = ended
        self._received = b""
        self._sent_at = 0.0
        self.taken: list[tuple[float, float]] = []
        """When each answer was there, and how long it took, in seconds."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or len(self._received) < end + 4 + _content_length(self._received[:end]):
            return
        now = time.perf_counter()
        if self._received.startswith(self._status):
            self.taken.append((now, now - self._sent_at))
        elif self._refusal is None or not self._received.startswith(self._refusal):
            self._fail(self._received[:600].decode(errors="replace"))
            return
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the server closed the connection")

    def stop(self) -> None:
        """Send nothing more."""
        self._transport.abort()

    def _send(self) -> None:
        request = next(self._requests)
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _fail(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_exception(UnexpectedAnswerError(reason))


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _run(what: Load) -> Figure:
    module, _, name = what.requests.partition(":")
    requests: Requests = getattr(import_module(module), name)
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    connections = []
    for number in range(what.connections):
        protocol = _Connection(requests(what.given, number), what, ended)
        await loop.create_connection(lambda protocol=protocol: protocol, LOOPBACK, what.port)  # type: ignore[misc]
        connections.append(protocol)
    begin = time.perf_counter() + 0.5
    await asyncio.wait([ended], timeout=0.5 + what.seconds)
    if ended.done():
        ended.result()
    ended.cancel()
    for connection in connections:
        connection.stop()
    return _figure([each for connection in connections for each in connection.taken], begin, what)


def _figure(taken: Sequence[tuple[float, float]], begin: float, what: Load) -> Figure:
    counted = sorted(seconds for at, seconds in taken if begin <= at < begin + what.seconds)
    if not counted:
        raise UnexpectedAnswerError("no answer came")
    return Figure(
        len(counted) * what.weight / what.seconds,
        percentile(counted, 0.5) * 1000,
        percentile(counted, 0.99) * 1000,
    )


def main() -> None:
    """Do what standard input says; print the figure as JSON."""
    what = Load(**json.load(sys.stdin))
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(asdict(runner.run(_run(what)))))


if __name__ == "__main__":
    main()
