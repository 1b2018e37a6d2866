"""`shop-events` on the running stack: the environment of the operator, of the analyst, or of a service."""

import os
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from shop_devstack import logins
from shop_devstack.credentials import StackKeys
from shop_devstack.logins import KafkaLogins, MongoLogins
from shop_devstack.programs import SERVICES, Layout, service_program
from shop_devstack.settings import StackSettings
from shop_devstack.stack import StackInfo
from shop_events.access import PRINCIPALS


def become(info: StackInfo, principal: str, words: Sequence[str]) -> NoReturn:
    """Become `shop-events` with the environment of a principal of the running stack."""
    program = Path(sysconfig.get_path("scripts")) / "shop-events"
    os.execve(program, [str(program), *words], {**os.environ, **environment(info, principal)})  # noqa: S606


def environment(info: StackInfo, principal: str) -> dict[str, str]:
    """Return the variables with which a principal reaches the stack; a service has all of its own."""
    if principal in SERVICES:
        keys = StackKeys.kept_in(info.folder / "secrets.json")
        return dict(service_program(principal, _layout(info), keys).environment)
    return logins.variables(info.kafka[principal])


def _layout(info: StackInfo) -> Layout:
    """Return the layout that the stack was started with."""
    prefix = info.databases[SERVICES[0]].removesuffix(SERVICES[0])
    own = StackSettings(
        mongodb_url=None,
        kafka_bootstrap_servers=None,
        topic_prefix=info.topic_prefix,
        database_prefix=prefix,
    )
    mongodb = MongoLogins(info.mongodb_url, dict.fromkeys(SERVICES, info.mongodb_url))
    if "mongod" in info.pids:
        mongodb = MongoLogins.choose(info.folder, own, info.ports["mongod"])
    kafka = KafkaLogins(dict.fromkeys(PRINCIPALS, info.operator_kafka))
    if info.guards_kafka:
        kafka = KafkaLogins.choose(info.folder, own, info.ports["kafka"])
    return Layout(info.folder, info.ports, mongodb, kafka, info.topic_prefix, prefix)
