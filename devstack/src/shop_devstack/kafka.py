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
from pydantic import SecretStr

from shop_devstack import children, folders, jars, ports
from shop_devstack.credentials import write_private_text
from shop_devstack.errors import NotReadyError
from shop_devstack.java import find_java
from shop_events.access import OPERATOR
from shop_events.kafka import KafkaSettings

BROKER_USER = "broker"
"""Who the broker is to itself and its controller. Its login is in the configuration, not in the metadata."""

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
    """One broker's place: its jars, Java, data folder and two loopback ports.

    With a ``password``, that of the user `broker`, everybody has to log in, and may do what the access list
    says; without one, everybody may do everything.
    """

    java: Path
    jars: list[Path]
    data_dir: Path
    port: int
    controller_port: int
    password: SecretStr | None = None

    @property
    def bootstrap(self) -> str:
        """Return the `host:port` for clients."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def root(self) -> KafkaSettings:
        """Return the connection that may do everything, also before any user is made."""
        return root(self.bootstrap, self.password)

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
        write_private_text(self.data_dir / "server.properties", server_properties(self))
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


def root(bootstrap: str, password: SecretStr | None) -> KafkaSettings:
    """Return the connection of the user `broker`; the open one when there is no password."""
    if password is None:
        return KafkaSettings(bootstrap_servers=bootstrap)
    return KafkaSettings(
        bootstrap_servers=bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username=BROKER_USER,
        sasl_password=password,
    )


def server_properties(broker: Broker) -> str:
    """Return the broker's configuration: one node, loopback only, quick to start and to notice a crash."""
    controller = f"{ports.LOOPBACK}:{broker.controller_port}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"CLIENTS://{broker.bootstrap},CONTROLLER://{controller}",
        "advertised.listeners": f"CLIENTS://{broker.bootstrap}",
        **(_open() if broker.password is None else _guarded(broker.password.get_secret_value())),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENTS",
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


def _open() -> dict[str, str]:
    return {"listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT"}


def _guarded(password: str) -> dict[str, str]:
    """Return the settings of listeners that want a login, and of an authorizer that denies by default.

    Users log in with SCRAM, which the metadata holds. Broker and controller know each other by PLAIN, which
    needs no metadata, so they find together before there is any, and in a folder that had no users yet.
    """
    module = "org.apache.kafka.common.security"
    itself = f'username="{BROKER_USER}" password="{password}" user_{BROKER_USER}="{password}"'
    plain = f"{module}.plain.PlainLoginModule required {itself};"
    return {
        "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
        "listener.name.clients.plain.sasl.jaas.config": plain,
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": plain,
        "sasl.mechanism.controller.protocol": "PLAIN",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER_USER};User:{OPERATOR}",
    }


def is_ready(kafka: KafkaSettings) -> bool:
    """Say whether the broker answers. May be called inside a running event loop."""
    host, port = kafka.bootstrap_servers.rsplit(":", 1)
    if not ports.answers(int(port), host):  # the client would log each refusal
        return False
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_answers(kafka))).result()


async def _answers(kafka: KafkaSettings) -> bool:
    admin = AIOKafkaAdminClient(**kafka.connection(), request_timeout_ms=2000)
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
    """Run a broker that is open to everybody for as long as the block lasts, and give its `host:port`.

    Raises MissingPartError, TamperedJarError, NotReadyError.
    """
    broker = a_broker(data_dir, port)
    broker.prepare()
    with running(broker):
        yield broker.bootstrap


def a_broker(data_dir: Path, port: int | None = None, password: SecretStr | None = None) -> Broker:
    """Return a broker on its own data folder and free ports. Raises MissingPartError, TamperedJarError."""
    client_port, controller_port = ports.free_ports(2)
    return Broker(
        java=find_java(),
        jars=jars.fetch(folders.jar_cache(), jars.read_lock()),
        data_dir=data_dir,
        port=port or client_port,
        controller_port=controller_port,
        password=password,
    )


@contextmanager
def running(broker: Broker) -> Iterator[None]:
    """Run a broker that was prepared for as long as the block lasts. Raises NotReadyError."""
    log = broker.data_dir / "kafka.log"
    with children.running(broker.command, log) as child:
        children.await_ready(
            "Kafka", lambda: is_ready(broker.root), lambda: child.poll() is None, log, seconds=60
        )
        yield
