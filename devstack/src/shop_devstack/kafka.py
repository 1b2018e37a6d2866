"""A real Apache Kafka broker in one process (broker and controller), run from its jars."""

import asyncio
import base64
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shop_devstack import children, folders, jars, ports
from shop_devstack.errors import NotReadyError
from shop_devstack.java import find_java

_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")

_LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server
logger.server.level = info
"""


@dataclass(frozen=True)
class Broker:
    """One broker's place: its jars, Java, data folder and two loopback ports."""

    java: Path
    jars: list[Path]
    data_dir: Path
    port: int
    controller_port: int

    @property
    def bootstrap(self) -> str:
        """Return the `host:port` for clients."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def command(self) -> list[str]:
        """Return the broker's command line; it logs to its standard output."""
        return [*self._java(*_JVM), "kafka.Kafka", str(self.data_dir / "server.properties")]

    def prepare(self) -> None:
        """Write the configuration, and format the storage if that was not done before.

        Raises NotReadyError when the storage tool fails.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "log4j2.properties").write_text(_LOG4J)
        (self.data_dir / "server.properties").write_text(server_properties(self))
        if not (self.data_dir / "log" / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        properties = str(self.data_dir / "server.properties")
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        tool = [*self._java(*_JVM), "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", properties]
        done = subprocess.run(tool, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotReadyError("Kafka", "its storage could not be formatted", done.stdout + done.stderr)

    def _java(self, *options: str) -> list[str]:
        return [
            str(self.java),
            *options,
            f"-Dlog4j2.configurationFile={self.data_dir / 'log4j2.properties'}",
            *("-cp", ":".join(map(str, self.jars))),
        ]


def server_properties(broker: Broker) -> str:
    """Return the broker's configuration: one node, loopback only, quick to start and to notice a crash."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{ports.LOOPBACK}:{broker.controller_port}",
        "listeners": f"PLAINTEXT://{broker.bootstrap},CONTROLLER://{ports.LOOPBACK}:{broker.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{broker.bootstrap}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": broker.data_dir / "log",
        "auto.create.topics.enable": "false",
        # one node holds everything
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # after a kill the old registration must expire before the broker may come back
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
        "group.initial.rebalance.delay.ms": 0,
        # compaction that shows on little data
        "log.cleaner.backoff.ms": 1000,
        "log.cleaner.min.cleanable.ratio": 0.1,
        "log.cleaner.dedupe.buffer.size": 16_777_216,
        "log.segment.bytes": 67_108_864,
        "log.index.size.max.bytes": 1_048_576,
        # few cores
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def is_ready(bootstrap: str) -> bool:
    """Say whether the broker answers. May be called inside a running event loop."""
    host, port = bootstrap.rsplit(":", 1)
    if not ports.answers(int(port), host):  # the client would log each refusal
        return False
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_answers(bootstrap))).result()


async def _answers(bootstrap: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"])


@contextmanager
def kafka_server(data_dir: Path, port: int | None = None) -> Iterator[str]:
    """Run a broker on its own data folder for as long as the block lasts, and give its `host:port`.

    Raises MissingPartError, TamperedJarError, NotReadyError.
    """
    client_port, controller_port = ports.free_ports(2)
    broker = Broker(
        java=find_java(),
        jars=jars.fetch(folders.jar_cache(), jars.read_lock()),
        data_dir=data_dir,
        port=port or client_port,
        controller_port=controller_port,
    )
    broker.prepare()
    log = data_dir / "kafka.log"
    with children.running(broker.command, log) as child:
        children.await_ready(
            "Kafka", lambda: is_ready(broker.bootstrap), lambda: child.poll() is None, log, seconds=60
        )
        yield broker.bootstrap
