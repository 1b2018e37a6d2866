"""What every measurement stands on: a MongoDB, a Kafka with our topics, and processes that serve."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen
from typing import Any

from pymongo import AsyncMongoClient

from shop_devstack import children, ports
from shop_devstack.kafka import kafka_server
from shop_devstack.mongod import mongod_server
from shop_events.admin import ensure_topics
from shop_events.kafka import KafkaSettings

Document = dict[str, Any]

_READY_WITHIN = 300


@dataclass(frozen=True, slots=True)
class Ground:
    """The servers of one run, and the folder for logs and data, which goes with them."""

    folder: Path
    mongodb_url: str
    kafka: str

    def client(self) -> AsyncMongoClient[Document]:
        """Return a client that acknowledges as the services' own does."""
        return AsyncMongoClient(self.mongodb_url, w="majority", tz_aware=True)

    def topics(self, prefix: str) -> None:
        """Create the topics of the registry under a prefix."""
        asyncio.run(ensure_topics(KafkaSettings(bootstrap_servers=self.kafka, topic_prefix=prefix)))

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a service process; names are variables in lower case."""
        ours = {
            "MONGODB_URL": self.mongodb_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "SESSION_ABSOLUTE_SECONDS": "86400",
            # As deployed: what was compiled once is not compiled at each start.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
        }
        return {**os.environ, **ours, **{name.upper(): value for name, value in more.items()}}

    @contextmanager
    def running(self, name: str, *module: str, **env: str) -> Iterator[Popen[bytes]]:
        """Run ``python -m module…`` with its output in the folder."""
        log = self.folder / f"{name}.log"
        with children.running([sys.executable, "-m", *module], log, self.environment(**env)) as child:
            yield child

    @contextmanager
    def serving(self, name: str, *module: str, **env: str) -> Iterator[int]:
        """Run a module that serves HTTP on ``HTTP_PORT``; give the port once it is ready.

        Raises NotReadyError.
        """
        port = ports.free_port()
        with self.running(name, *module, http_port=str(port), **env) as child:
            children.await_ready(
                name,
                lambda: _is_ready(port),
                lambda: child.poll() is None,
                self.folder / f"{name}.log",
                _READY_WITHIN,
            )
            yield port


@contextmanager
def ground() -> Iterator[Ground]:
    """Start MongoDB and Kafka on free ports; stop them and delete what they kept at the end.

    Raises MissingPartError, NotReadyError.
    """
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as name:
        folder = Path(name)
        with mongod_server(folder / "mongod") as url, kafka_server(folder / "kafka") as kafka:
            yield Ground(folder, url, kafka)


def service(name: str, *words: str) -> Sequence[str]:
    """Return the module and words that run a service."""
    return [f"shop_{name}", *words]


def _is_ready(port: int) -> bool:
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
