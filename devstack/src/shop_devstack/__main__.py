"""`python -m shop_devstack`: the commands behind `make up`, `down`, `reset`, `logs` and `status`."""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pydantic import ValidationError

from shop_devstack import children, folders, programs, stack
from shop_devstack.errors import DevstackError, NotRunningError, UnknownPartError
from shop_devstack.screen import Screen
from shop_devstack.settings import StackSettings
from shop_devstack.stack import RunningStack, StackInfo
from shop_devstack.supervise import Process, Supervisor, crashed
from shop_events.access import ANALYST, OPERATOR, PRINCIPALS

_WATCH_SECONDS = 0.5
_NOT_RUNNING = 3


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 3 nothing is running."""
    parsed = _parser().parse_args(arguments)
    screen = Screen()
    for warns_of_logins_in_the_clear in ("aiokafka.conn", "kafka.net.sasl"):  # nobody listens on loopback
        logging.getLogger(warns_of_logins_in_the_clear).setLevel(logging.ERROR)
    try:
        return _run(parsed, folders.devstack_dir(), screen)
    except NotRunningError as error:
        screen.warn(str(error))
        return _NOT_RUNNING
    except ValidationError as error:
        for each in error.errors():
            screen.warn(f"{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}")
        return 1
    except DevstackError as error:
        screen.warn(str(error))
        return 1


def _run(parsed: argparse.Namespace, folder: Path, screen: Screen) -> int:
    commands: dict[str, Callable[[], int]] = {
        "up": lambda: up(folder, screen, detach=parsed.detach),
        "down": lambda: down(folder, screen),
        "reset": lambda: reset(folder, screen),
        "logs": lambda: logs(folder, parsed.part),
        "status": lambda: status(folder, screen),
        "events": lambda: become_shop_events(folder, parsed.principal, _after_dashes(parsed.words)),
    }
    return commands[parsed.command]()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shop_devstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up_command = commands.add_parser("up", help="start everything and watch over it")
    up_command.add_argument("--detach", action="store_true", help="return once everything is ready")
    commands.add_parser("down", help="stop everything, keep the data")
    commands.add_parser("reset", help="stop everything, delete the data")
    logs_command = commands.add_parser("logs", help="follow the logs")
    logs_command.add_argument("part", nargs="?", help="one part only, for instance catalog")
    commands.add_parser("status", help="show what is running")
    events_command = commands.add_parser("events", help="run shop-events on the running stack")
    events_command.add_argument(
        "--as", dest="principal", choices=PRINCIPALS, default=OPERATOR, help="whose login and environment"
    )
    events_command.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        help="the words of shop-events, after `--` where the first is an option",
    )
    return parser


def _after_dashes(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == ["--"] else words


def up(folder: Path, screen: Screen, *, detach: bool) -> int:
    """Start the stack, or show the one that runs; unless detached, watch it until Ctrl-C and stop it then."""
    if (info := stack.running(folder)) is not None:
        screen.say("The stack is already running.")
        show(info, screen, detached=True)
        return 0
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    try:
        started = stack.start(folder, StackSettings(), screen, outlive=detach)
    except KeyboardInterrupt:
        screen.say("Stopped before everything was up.")
        return 130
    show(started.info, screen, detached=detach)
    return 0 if detach else _watch(started, screen)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _watch(started: RunningStack, screen: Screen) -> int:
    """Report each crash until Ctrl-C, which stops everything in order, or until someone else stops it."""
    try:
        before = started.launched.supervisor.processes()
        while started.launched.process.poll() is None:
            time.sleep(_WATCH_SECONDS)
            after = started.launched.supervisor.processes()
            for process in crashed(before, after):
                log = started.info.folder / "logs" / f"{process.name}.log"
                screen.crash(process, children.last_lines(log))
            before = after or before
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with screen.step("Stopping everything in order"):
            started.launched.stop()
        return 0
    if started.launched.process.returncode:
        screen.warn("The supervisor was killed, and all parts with it; `make up` starts them again.")
        return 1
    screen.say("The stack was stopped.")
    return 0


def show(info: StackInfo, screen: Screen, *, detached: bool) -> None:
    """Print where everything is, who may log in and what to do next."""
    admin = info.admin()
    screen.pairs(
        "Shopstream is up",
        [
            ("Shop (page and API)", info.gateway_url),
            ("Events described", f"{info.gateway_url}/docs/events"),
            ("Mails and messages", f"{info.sandbox_url}/sandbox"),
            ("Administrator", f"{admin.email}  password {admin.password}"),
            *_servers(info),
        ],
    )
    screen.pairs(
        "Next",
        [
            (f"curl {info.gateway_url}/v1/products", "the catalogue"),
            ("make demo", "real invoices become orders, receipts and mails"),
            ("make status", "the parts, and whether they are ready"),
            ("make logs S=catalog", "follow the log of one part"),
            ("make down" if detached else "Ctrl-C", "stop everything; the data stays"),
        ],
    )


def _servers(info: StackInfo) -> Iterator[tuple[str, str]]:
    """Yield where MongoDB and Kafka are, and with which login whoever is the stack's own lets people in."""
    secret = f"log in as {OPERATOR}, password in {info.passwords_file}"
    yield "MongoDB", info.mongodb_url
    if "mongod" in info.pids:
        yield "", secret
    yield "Kafka", info.kafka_bootstrap_servers
    if info.guards_kafka:
        yield "", secret
        yield "", f"to read open topics, log in as {ANALYST}: client properties in {info.analyst_file}"


def down(folder: Path, screen: Screen) -> int:
    """Stop the stack."""
    if not Supervisor(folder).exists():
        screen.say("Nothing is running.")
        return 0
    with screen.step("Stopping everything in order"):
        stack.stop(folder)
    screen.say("The data stays; `make up` goes on with it, `make reset` deletes it.")
    return 0


def reset(folder: Path, screen: Screen) -> int:
    """Stop the stack and delete its data."""
    down(folder, screen)
    with screen.step(f"Deleting the data in {folder}"):
        stack.delete_data(folder)
    return 0


def logs(folder: Path, part: str | None) -> NoReturn:
    """Become `tail`, following one log or all. Raises NotRunningError, UnknownPartError."""
    every = {file.stem: file for file in sorted((folder / "logs").glob("*.log"))}
    if not every:
        raise NotRunningError("There are no logs yet; `make up` starts the stack.")
    if part and part not in every:
        raise UnknownPartError(part, every)
    files = [every[part]] if part else list(every.values())
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, files)])  # noqa: S606


def become_shop_events(folder: Path, principal: str, words: list[str]) -> NoReturn:
    """Become `shop-events` on the running stack. Raises NotRunningError."""
    from shop_devstack import events  # noqa: PLC0415  commands that read no topic are quick

    if (info := stack.running(folder)) is None:
        raise NotRunningError("The stack is not running; `make up` starts it.")
    events.become(info, principal, words)


def status(folder: Path, screen: Screen) -> int:
    """Show each part's state, and whether it is ready. Raises NotRunningError."""
    processes = Supervisor(folder).processes()
    if not processes:
        raise NotRunningError("The stack is not running; `make up` starts it.")
    info = stack.running(folder)
    urls = info.service_urls if info else {}
    rows = [
        (*_row(process), urls.get(name, ""), _health(urls.get(name))) for name, process in processes.items()
    ]
    screen.table(("part", "state", "pid", "since", "own address", "health"), rows)
    return 0


def _row(process: Process) -> tuple[str, ...]:
    return process.name, process.state.lower(), str(process.pid or ""), process.description.split(", ")[-1]


def _health(url: str | None) -> str:
    if not url:
        return ""
    return "ready" if programs.answers_ok(int(url.rsplit(":", 1)[1]), "/health/ready") else "not ready"


if __name__ == "__main__":
    sys.exit(main())
