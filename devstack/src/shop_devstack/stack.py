"""Starting, finding and stopping the embedded stack of one folder."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, field_serializer

from shop_devstack import credentials, folders, gateway, jars, kafka, logins, mongod, programs, provisioning
from shop_devstack.credentials import Account, StackKeys
from shop_devstack.errors import DevstackError, NotReadyError
from shop_devstack.java import find_java
from shop_devstack.programs import SERVICES, Layout, Program
from shop_devstack.screen import Screen
from shop_devstack.settings import StackSettings
from shop_devstack.supervise import Launched, Supervisor, launch
from shop_events.access import ANALYST, OPERATOR
from shop_events.kafka import KafkaSettings

_KEPT_BY_RESET = "jars"


class StackInfo(BaseModel):
    """A running stack: where its parts answer, and which processes they are."""

    folder: Path
    supervisor_pid: int
    gateway_url: str
    sandbox_url: str
    service_urls: dict[str, str]
    """Service name to the address of its own port, where /health/* and /metrics are."""
    databases: dict[str, str]
    """Service name to database name."""
    mongodb_url: str
    """Without a login."""
    kafka_bootstrap_servers: str
    kafka: dict[str, KafkaSettings]
    """Connections of the operator and the analyst; with logins when the broker is the stack's own."""
    topic_prefix: str
    ports: dict[str, int]
    pids: dict[str, int]
    """Part to process id; of this moment when the info comes from `running`."""

    @field_serializer("kafka", when_used="json")
    def _with_passwords(self, kafka: dict[str, KafkaSettings]) -> dict[str, Any]:
        """Reveal the passwords to `stack.json`, which this user alone may read."""
        return {name: {**each.model_dump(), "sasl_password": each.password} for name, each in kafka.items()}

    @property
    def operator_kafka(self) -> KafkaSettings:
        """Return the connection that may read and write every topic."""
        return self.kafka[OPERATOR]

    @property
    def analyst_kafka(self) -> KafkaSettings:
        """Return the connection that may read open topics alone."""
        return self.kafka[ANALYST]

    @property
    def guards_kafka(self) -> bool:
        """Say whether the broker is the stack's own, which lets everybody do only what they are to."""
        return self.analyst_kafka != self.operator_kafka

    @property
    def analyst_file(self) -> Path:
        """Return the client properties with the analyst's login, for Kafka's own tools and others'."""
        return self.folder / "analyst.properties"

    @property
    def passwords_file(self) -> Path:
        """Return the JSON file with the password of each user of the stack's own servers."""
        return logins.passwords_file(self.folder)

    @property
    def accounts_file(self) -> Path:
        """Return the JSON file with the administrator's address and password."""
        return self.folder / "accounts.json"

    def admin(self) -> Account:
        """Return the administrator's account."""
        return Account.kept_in(self.accounts_file)


@dataclass(frozen=True)
class RunningStack:
    """A stack that this process has started."""

    info: StackInfo
    launched: Launched


def running(folder: Path | None = None) -> StackInfo | None:
    """Return the stack that is up and complete in this folder, None when there is none."""
    folder = folder or folders.devstack_dir()
    supervisor = Supervisor(folder)
    pid = supervisor.pid()
    if pid is None:
        return None
    try:
        info = StackInfo.model_validate_json((folder / "stack.json").read_text())
    except (FileNotFoundError, ValidationError):
        return None
    processes = supervisor.processes().values()
    return info.model_copy(update={"supervisor_pid": pid, "pids": {p.name: p.pid for p in processes}})


@contextmanager
def starting(folder: Path) -> Iterator[None]:
    """Hold the right to start a stack in this folder. Raises DevstackError when someone else holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "starting.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DevstackError(f"Another command is just starting the stack in {folder}") from error
        yield


def start(folder: Path, settings: StackSettings, screen: Screen, outlive: bool) -> RunningStack:
    """Start everything, each part once what it needs is ready, and write `stack.json`.

    Args:
        outlive: whether the stack goes on when this process ends.

    Raises DevstackError; what was started is stopped then.
    """
    credentials.refuse_real(os.environ)
    with starting(folder):
        _make_way(Supervisor(folder))
        (folder / "stack.json").unlink(missing_ok=True)
        _close_to_others(folder / "data")
        kafka_jars = [] if settings.kafka_bootstrap_servers else fetch_jars(screen)
        # Ports are chosen last: in the time that a download takes, somebody else may take them.
        layout = Layout.choose(folder, settings)
        stores, rest = _parts(layout, settings, kafka_jars)
        launched = launch(folder, [*stores, *rest], outlive)
        try:
            return RunningStack(_start_in_order(layout, stores, rest, launched, screen), launched)
        except BaseException:
            launched.stop()
            raise


def _close_to_others(data: Path) -> None:
    data.mkdir(exist_ok=True)
    data.chmod(0o700)  # what the servers refuse to give must not lie open in their files


def _make_way(supervisor: Supervisor) -> None:
    if supervisor.pid() is not None:
        raise DevstackError("A stack that is half started runs in this folder; `make down` ends it")
    supervisor.await_end()


def _start_in_order(
    layout: Layout,
    stores: list[Program],
    rest: list[Program],
    launched: Launched,
    screen: Screen,
) -> StackInfo:
    _start_together(stores, launched.supervisor, screen)
    with screen.step("Logins and topics"):
        provisioning.ensure_logins(layout)
        provisioning.ensure_topics(layout)
    _start_together(rest, launched.supervisor, screen)
    with screen.step("Administrator"):
        provisioning.ensure_administrator(layout, rest)
    _assert_ours(launched.supervisor)
    info = _info(layout, launched)
    provisioning.write_analyst_file(info.analyst_file, info.analyst_kafka if info.guards_kafka else None)
    credentials.write_private(layout.folder / "stack.json", info.model_dump(mode="json"))
    return info


def _assert_ours(supervisor: Supervisor) -> None:
    """Make sure that it was our parts that answered, and not others on a port that they took before us."""
    if fallen := [process.name for process in supervisor.processes().values() if process.fallen]:
        raise NotReadyError("The stack", f"{', '.join(fallen)} ended again; is another stack starting?")


def _parts(
    layout: Layout, settings: StackSettings, kafka_jars: list[Path]
) -> tuple[list[Program], list[Program]]:
    stores = []
    if not settings.mongodb_url:
        stores.append(_mongod(layout))
    if not settings.kafka_bootstrap_servers:
        stores.append(_kafka(layout, kafka_jars))
    keys = StackKeys.kept_in(layout.folder / "secrets.json")
    rest = [
        programs.sandbox_program(layout, keys),
        *(programs.service_program(name, layout, keys) for name in SERVICES),
        programs.gateway_program(layout, _write_gateway_config(layout)),
    ]
    return stores, rest


def _mongod(layout: Layout) -> Program:
    layout.data("mongod").mkdir(parents=True, exist_ok=True)
    if layout.mongodb.key:
        credentials.write_private_text(layout.mongod_key_file, layout.mongodb.key.get_secret_value())
    return programs.mongod_program(layout, mongod.find_mongod())


def _kafka(layout: Layout, kafka_jars: list[Path]) -> Program:
    broker = kafka.Broker(
        java=find_java(),
        jars=kafka_jars,
        data_dir=layout.data("kafka"),
        port=layout.ports["kafka"],
        controller_port=layout.ports["kafka-controller"],
        password=layout.kafka.root.sasl_password if layout.kafka.root else None,
    )
    broker.prepare()
    return programs.kafka_program(broker)


def fetch_jars(screen: Screen) -> list[Path]:
    """Return Kafka's jars, with a bar on the screen while they are fetched and verified."""
    locked = jars.read_lock()
    with screen.counted("Kafka's jars", len(locked)) as progress:
        task = progress.task_ids[0]
        return jars.fetch(folders.jar_cache(), locked, lambda done, _: progress.update(task, completed=done))


def _write_gateway_config(layout: Layout) -> Path:
    web = folders.PROJECT / "web"
    config = gateway.caddy_config(
        gateway.routes(folders.PROJECT / "deploy" / "k8s" / "base"),
        {name: layout.url(name).removeprefix("http://") for name in SERVICES},
        layout.ports["gateway"],
        layout.data("gateway"),
        web if (web / "index.html").exists() else None,
    )
    layout.data("gateway").mkdir(parents=True, exist_ok=True)
    file = layout.folder / "run" / "caddy.json"
    credentials.write_private(file, config)
    return file


def _start_together(parts: list[Program], supervisor: Supervisor, screen: Screen) -> None:
    for program in parts:
        supervisor.start(program)
    for program in parts:
        with screen.step(program.title):
            supervisor.await_ready(program)


def _info(layout: Layout, launched: Launched) -> StackInfo:
    return StackInfo(
        folder=layout.folder,
        supervisor_pid=launched.process.pid,
        gateway_url=layout.gateway_url,
        sandbox_url=layout.url("sandbox"),
        service_urls={name: layout.url(name) for name in SERVICES},
        databases={name: layout.database(name) for name in SERVICES},
        mongodb_url=layout.mongodb.address,
        kafka_bootstrap_servers=layout.kafka.by_principal[OPERATOR].bootstrap_servers,
        kafka={name: layout.kafka.by_principal[name] for name in (OPERATOR, ANALYST)},
        topic_prefix=layout.topic_prefix,
        ports=dict(layout.ports),
        pids={part.name: part.pid for part in launched.supervisor.processes().values()},
    )


def stop(folder: Path) -> bool:
    """Stop the stack of this folder in order; return whether there was one."""
    supervisor = Supervisor(folder)
    if not supervisor.exists():
        return False
    supervisor.shut_down()
    (folder / "stack.json").unlink(missing_ok=True)
    return True


def delete_data(folder: Path) -> None:
    """Delete everything that a stopped stack has written, except the jars."""
    with suppress(FileNotFoundError):
        for entry in list(folder.iterdir()):
            if entry.name == _KEPT_BY_RESET:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
