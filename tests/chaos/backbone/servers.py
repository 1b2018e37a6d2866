"""A Kafka and a MongoDB whose data outlives them, so that they can be killed, paused and restarted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from shop_devstack import children, kafka, mongod, ports

_STARTED_WITHIN = 90.0
_TRANSACTIONS_LIVE = 4
"""Seconds after which MongoDB undoes what a killed client left open (15 on the laptop's)."""


class Server:
    """One server process that can be taken away and comes back on the same port with the same data."""

    def __init__(self, name: str, argv: Sequence[str], log: Path, ready: Callable[[], bool]) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._ready = ready
        self._child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it serves."""
        child = self._spawn()
        await asyncio.to_thread(
            children.await_ready,
            self.name,
            self._ready,
            lambda: child.poll() is None,
            self._log,
            _STARTED_WITHIN,
        )

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            self._child = subprocess.Popen(
                children.bound_to_parent(self._argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._child

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self._child:
            os.kill(self._child.pid, number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal and wait until it is gone; one that will not go is killed."""
        if child := self._child:
            child.send_signal(number)
            try:
                await asyncio.to_thread(child.wait, 30)
            except subprocess.TimeoutExpired:
                child.kill()
                await asyncio.to_thread(child.wait)
            self._child = None


def database(folder: Path) -> tuple[Server, str]:
    """Return a MongoDB on ``folder`` and its URL."""
    port = ports.free_port()
    folder.mkdir()
    argv = mongod.command(mongod.find_mongod(), folder, port)
    return Server("MongoDB", argv, folder / "mongod.log", lambda: _serves(port)), mongod.url(port)


def _serves(port: int) -> bool:
    if not mongod.make_primary(port):
        return False
    try:
        with MongoClient[dict[str, object]](ports.LOOPBACK, port, directConnection=True) as client:
            client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=_TRANSACTIONS_LIVE)
    except PyMongoError:
        return False
    return True


def broker(folder: Path) -> tuple[Server, str]:
    """Return a Kafka on ``folder`` and its ``host:port``."""
    place = kafka.a_broker(folder)
    place.prepare()
    properties = folder / "server.properties"
    missed_soon = "group.min.session.timeout.ms=1000\n"
    properties.write_text(properties.read_text() + missed_soon)
    log = folder / "kafka.log"
    return Server("Kafka", place.command, log, lambda: kafka.is_ready(place.root)), place.bootstrap
