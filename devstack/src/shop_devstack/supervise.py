"""Supervision of the stack's processes by the library `supervisor`: configuration, start, remote calls.

It restarts what ends: at once after a longer life, with a delay that grows by a second each time when
a part ends within its first seconds.
"""

import configparser
import hashlib
import io
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Error as RpcError
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from shop_devstack import children
from shop_devstack.credentials import write_private
from shop_devstack.errors import NotReadyError
from shop_devstack.programs import Program

_SETTLED_SECONDS = 5
_RETRIES = 1_000_000
_LOG_BYTES = "10MB"
_LONGEST_SOCKET_PATH = 100  # sun_path has 108 bytes, and supervisor appends its pid while binding
_FALLEN = frozenset({"BACKOFF", "EXITED", "FATAL"})
_NO_ANSWER = (OSError, HTTPException, RpcError)
_ORDERED = frozenset({"STOPPED", "STOPPING"})


@dataclass(frozen=True)
class Process:
    """What the supervisor knows of one part at this moment."""

    name: str
    state: str
    pid: int
    stopped_at: int
    """When it last ended, in seconds since the epoch; 0 for never."""
    description: str

    @property
    def fallen(self) -> bool:
        """Say whether it has ended by itself and not yet come back."""
        return self.state in _FALLEN


def crashed(before: Mapping[str, Process], after: Mapping[str, Process]) -> list[Process]:
    """Return the processes that ended between two looks although nobody stopped them."""
    return [
        process
        for name, process in after.items()
        if name in before and process.stopped_at != before[name].stopped_at and process.state not in _ORDERED
    ]


def config_text(folder: Path, programs: Iterable[Program]) -> str:
    """Return supervisord's configuration; nothing starts by itself, so that the start can be ordered."""
    run, logs = folder / "run", folder / "logs"
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "logfile": _escaped(logs / "supervisord.log"),
        "logfile_maxbytes": _LOG_BYTES,
        "pidfile": _escaped(run / "supervisord.pid"),
        "childlogdir": _escaped(logs),
        "nodaemon": "true",
        "silent": "true",
    }
    config["unix_http_server"] = {"file": _escaped(socket_path(folder)), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    tiers: dict[str, list[Program]] = {}
    for program in programs:
        config[f"program:{program.name}"] = _program_section(program, run, logs)
        tiers.setdefault(_tier(program), []).append(program)
    for tier, members in tiers.items():  # tiers stop one after the other, the members of one together
        config[f"group:{tier}"] = {
            "programs": ",".join(member.name for member in members),
            "priority": str(members[0].rank),
        }
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def _program_section(program: Program, run: Path, logs: Path) -> dict[str, str]:
    argv = children.bound_to_parent(program.command, _environment_file(run, program))
    return {
        "command": _escaped(shlex.join(argv)),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": str(_SETTLED_SECONDS),
        "startretries": str(_RETRIES),
        "stopsignal": "TERM",
        "stopwaitsecs": str(program.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _escaped(logs / f"{program.name}.log"),
        "stdout_logfile_maxbytes": _LOG_BYTES,
        "stdout_logfile_backups": "2",
    }


def _tier(program: Program) -> str:
    return f"tier-{program.rank}"


def _environment_file(run: Path, program: Program) -> Path:
    return run / f"{program.name}.env.json"


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def socket_path(folder: Path) -> Path:
    """Return where the supervisor of this stack listens; elsewhere when the folder's path is too long."""
    path = folder / "run" / "supervisor.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    return (
        Path(tempfile.gettempdir())
        / f"shopstream-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}.sock"
    )


class Supervisor:
    """Remote calls to the supervisor of the stack in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def _rpc(self) -> Iterator[Any]:
        # a transport that has failed once stays unusable, so each call has its own
        transport = SupervisorTransport(None, None, serverurl=f"unix://{socket_path(self._folder)}")
        try:
            yield ServerProxy("http://127.0.0.1", transport=transport).supervisor  # the address is unused
        finally:
            transport.close()

    def pid(self) -> int | None:
        """Return supervisord's process id, None when nobody answers or it is stopping."""
        try:
            with self._rpc() as rpc:
                return int(rpc.getPID())
        except _NO_ANSWER:
            return None

    def exists(self) -> bool:
        """Say whether there is a supervisor, be it one that is stopping."""
        try:
            with self._rpc() as rpc:
                rpc.getPID()
        except Fault:  # it answers nothing else any more once it is stopping
            return True
        except _NO_ANSWER:
            return False
        return True

    def processes(self) -> dict[str, Process]:
        """Return all parts by name; empty when nobody answers."""
        try:
            with self._rpc() as rpc:
                rows = rpc.getAllProcessInfo()
        except _NO_ANSWER:
            return {}
        return {
            row["name"]: Process(row["name"], row["statename"], row["pid"], row["stop"], row["description"])
            for row in rows
        }

    def start(self, program: Program) -> None:
        """Start one part, without waiting for it."""
        with self._rpc() as rpc:
            rpc.startProcess(f"{_tier(program)}:{program.name}", False)

    def stop_parts(self, names: Iterable[str]) -> None:
        """Stop parts together, and wait until they have; the supervisor leaves them so."""
        with self._rpc() as rpc:
            parts = self._full_names(rpc, names)
            for part in parts:
                rpc.stopProcess(part, False)
            while any(rpc.getProcessInfo(part)["statename"] == "STOPPING" for part in parts):
                time.sleep(0.1)

    def start_parts(self, names: Iterable[str]) -> None:
        """Start parts that were stopped, without waiting for them."""
        with self._rpc() as rpc:
            for part in self._full_names(rpc, names):
                rpc.startProcess(part, False)

    @staticmethod
    def _full_names(rpc: Any, names: Iterable[str]) -> list[str]:
        groups = {row["name"]: row["group"] for row in rpc.getAllProcessInfo()}
        return [f"{groups[name]}:{name}" for name in names]

    def await_ready(self, program: Program) -> None:
        """Wait until a part that was started answers. Raises NotReadyError when it ends or takes too long."""
        children.await_ready(
            program.title,
            program.ready,
            lambda: self._lives(program.name),
            self._folder / "logs" / f"{program.name}.log",
            program.start_seconds,
        )

    def _lives(self, name: str) -> bool:
        process = self.processes().get(name)
        return process is not None and not process.fallen

    def shut_down(self, seconds: float = 120) -> None:
        """Stop all parts in order, then the supervisor. Raises NotReadyError when it takes longer."""
        with suppress(*_NO_ANSWER), self._rpc() as rpc:
            rpc.shutdown()
        self.await_end(seconds)

    def await_end(self, seconds: float = 120) -> None:
        """Wait until a supervisor that is stopping has gone. Raises NotReadyError when it takes longer."""
        deadline = time.monotonic() + seconds
        while self.exists():
            if time.monotonic() > deadline:
                raise NotReadyError("The stack", f"it has not stopped within {seconds:.0f} s")
            time.sleep(0.1)


@dataclass(frozen=True)
class Launched:
    """A supervisor that this process has started."""

    supervisor: Supervisor
    process: subprocess.Popen[bytes]

    def answers(self) -> bool:
        """Say whether it takes calls."""
        return self.supervisor.pid() is not None

    def stop(self) -> None:
        """Stop all parts in order, then the supervisor; kill what does not stop."""
        try:
            self.supervisor.shut_down()
            self.process.wait(10)
        except (NotReadyError, subprocess.TimeoutExpired):
            self.process.kill()  # its children die with it
            self.process.wait()


def launch(folder: Path, programs: list[Program], outlive: bool) -> Launched:
    """Start a supervisor for the parts, which are not started yet.

    Args:
        outlive: whether it goes on when this process ends; else it dies with it, even by SIGKILL.

    Raises NotReadyError.
    """
    run, logs = folder / "run", folder / "logs"
    run.mkdir(parents=True, exist_ok=True)
    logs.mkdir(parents=True, exist_ok=True)
    for program in programs:
        write_private(_environment_file(run, program), program.environment)
    config = run / "supervisord.conf"
    config.write_text(config_text(folder, programs))
    socket_path(folder).unlink(missing_ok=True)  # a killed supervisor leaves it behind
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
    log = logs / "supervisord.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv if outlive else children.bound_to_parent(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    launched = Launched(Supervisor(folder), process)
    try:
        children.await_ready("Supervisor", launched.answers, lambda: process.poll() is None, log, seconds=20)
    except BaseException:
        launched.stop()
        raise
    return launched
