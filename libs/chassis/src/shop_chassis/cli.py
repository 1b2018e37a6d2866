"""The command line that all services have: ``python -m shop_catalog api|worker|all|migrate|…``."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
import uvloop
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from shop_chassis.logs import configure_logging
from shop_chassis.process import Process
from shop_chassis.service import Command, Runtime, Service
from shop_chassis.settings import ServiceSettings
from shop_chassis.tracing import exported_spans
from shop_events.rebuilding import NotRebuildable, ProjectionPublishes, rebuild
from shop_events.spans import begun

_MODES = {
    "api": "serve HTTP",
    "worker": "run relay, consumer and jobs",
    "all": "api and worker in one process",
}
_GRACE_SECONDS = 5

log = structlog.get_logger("shop_chassis.cli")


def run(service: Service[Any, Any], argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code: 1 for a failure, 2 for a wrong environment."""
    commands = {command.name: command for command in (*_built_in(service), *service.commands)}
    arguments = _parser(service, commands).parse_args(argv)
    try:
        settings = service.settings()
    except ValidationError as error:
        sys.stderr.write(_explained(error))
        return 2
    configure_logging(
        settings.service_name,
        level=settings.log_level,
        form=settings.log_format,
        instance=settings.instance_id,
    )
    with exported_spans(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_execute(service, settings, arguments, commands.get(arguments.command)))
        except (OSError, PyMongoError) as error:
            log.error("cannot go on", reason=type(error).__name__, detail=str(error)[:300])
            return 1


def _built_in(service: Service[Any, Any]) -> list[Command[Any, Any]]:
    async def migrate(_: Runtime[Any, Any], __: Namespace) -> None:
        log.info("the database fits")

    async def republish(runtime: Runtime[Any, Any], _: Namespace) -> None:
        assert service.republish is not None
        log.info("put into the outbox", facts=await service.republish(runtime))

    commands: list[Command[Any, Any]] = [Command("migrate", "make the database fit", migrate)]
    if service.republish:
        commands.append(Command("republish", "publish again all state this service owns", republish))
    if service.read_models:
        run, arguments = partial(_rebuild, service), partial(_rebuild_arguments, service)
        commands.append(Command("rebuild", "forget a read model and make it again", run, arguments))
    return commands


async def _rebuild(service: Service[Any, Any], runtime: Runtime[Any, Any], arguments: Namespace) -> int:
    name = arguments.read_model
    kafka, transact = runtime.settings.kafka, runtime.transact
    forget = partial(service.read_models[name], runtime.db)
    try:
        done = await rebuild(kafka, service.subscriptions, name, transact, forget)
    except (NotRebuildable, ProjectionPublishes) as error:
        log.error("cannot be rebuilt", read_model=name, reason=str(error))
        return 1
    log.info(
        "rebuilt", read_model=name, events=done.applied, unreadable=done.unreadable, failed=done.failed[:20]
    )
    return 1 if done.failed else 0


def _rebuild_arguments(service: Service[Any, Any], parser: ArgumentParser) -> None:
    parser.add_argument("read_model", choices=sorted(service.read_models), help="name of the projection")


def _parser(service: Service[Any, Any], commands: dict[str, Command[Any, Any]]) -> ArgumentParser:
    parser = ArgumentParser(description=(service.settings.__doc__ or "").partition("\n")[0] or None)
    words = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in _MODES.items():
        words.add_parser(name, help=text)
    for command in commands.values():
        command.arguments(words.add_parser(command.name, help=command.help))
    return parser


async def _execute(
    service: Service[Any, Any],
    settings: ServiceSettings,
    arguments: Namespace,
    command: Command[Any, Any] | None,
) -> int:
    async with service.open(settings) as runtime:
        if command:
            _settle()
            with begun(command.name):
                return await command.run(runtime, arguments) or 0
        mode = arguments.command
        process = Process(service, runtime, api=mode != "worker", worker=mode != "api")
        await process.run(_stop_on_signal(settings), _settle)
    return 0


def _stop_on_signal(settings: ServiceSettings) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; an end that takes far too long is cut off."""
    stop = asyncio.Event()

    def ask() -> None:
        stop.set()
        faulthandler.dump_traceback_later(settings.shutdown_seconds + _GRACE_SECONDS, exit=True)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ask)
    return stop


def _settle() -> None:
    """Spare the garbage collector what lives as long as the process; its pauses are most of a p99."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _explained(error: ValidationError) -> str:
    lines = [f"  {str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors()]
    return "\n".join(["The environment is not usable:", *lines, ""])
