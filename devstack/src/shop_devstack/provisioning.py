"""What the servers are told before the services come: users, permissions, topics; and the administrator."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from shop_devstack import credentials, mongod
from shop_devstack.credentials import Account
from shop_devstack.errors import NotReadyError
from shop_devstack.programs import Layout, Program
from shop_events.access import OPERATOR
from shop_events.kafka import KafkaSettings


def ensure_logins(layout: Layout) -> None:
    """Give everybody a login at the stack's own servers, and there what they need and nothing else.

    Raises NotReadyError.
    """
    if layout.mongodb.key is not None:
        try:
            mongod.ensure_users(layout.ports["mongod"], layout.mongodb.key, layout.mongodb.users)
        except PyMongoError as error:
            raise NotReadyError("MongoDB", f"the logins could not be made: {error}") from error
    if layout.kafka.root is not None:
        _ensure_kafka_logins(layout.kafka.root, layout)


def _ensure_kafka_logins(root: KafkaSettings, layout: Layout) -> None:
    from shop_events import admin  # noqa: PLC0415  commands that start nothing are quick

    logins = layout.kafka.by_principal.items()
    passwords = {name: each.sasl_password for name, each in logins if each.sasl_password}
    try:
        admin.ensure_users(root, passwords)
        admin.ensure_access(root)
    except admin.BrokerRefusedError as error:
        raise NotReadyError("Kafka", f"the logins could not be made: {error}") from error


def ensure_topics(layout: Layout) -> None:
    """Create the topics of the registry that are not there yet. Raises NotReadyError."""
    from shop_events import admin  # noqa: PLC0415  commands that start nothing are quick

    operator = layout.kafka.by_principal[OPERATOR]
    try:
        asyncio.run(admin.ensure_topics(operator))
    except (KafkaError, OSError) as error:
        raise NotReadyError(
            "Kafka", f"the topics could not be made at {operator.bootstrap_servers}: {error}"
        ) from error


def ensure_administrator(layout: Layout, parts: Sequence[Program]) -> None:
    """Let identity make the first administrator, once. Raises NotReadyError."""
    file = layout.folder / "accounts.json"
    account = Account.kept_in(file)
    if account.created:
        return
    identity = next(program for program in parts if program.name == "identity")
    done = subprocess.run(
        [sys.executable, "-m", "shop_identity", "create-admin", "--email", account.email],
        env={**os.environ, **identity.environment, "ADMIN_PASSWORD": account.password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise NotReadyError("The administrator's account", "identity refused it", done.stdout + done.stderr)
    account.model_copy(update={"created": True}).keep_in(file)


def write_analyst_file(file: Path, analyst: KafkaSettings | None) -> None:
    """Write the analyst's login as properties of librdkafka's; none where the broker asks for no login."""
    file.unlink(missing_ok=True)
    if analyst is None:
        return
    properties = {
        "bootstrap.servers": analyst.bootstrap_servers,
        "security.protocol": analyst.security_protocol,
        "sasl.mechanism": analyst.sasl_mechanism,
        "sasl.username": analyst.sasl_username,
        "sasl.password": analyst.password,
    }
    text = "".join(f"{name}={value}\n" for name, value in properties.items())
    credentials.write_private_text(file, text)
