"""What the stack consists of: each part's command line, environment and place in the order.

The whole topology of the laptop is readable here; nothing is started.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from shop_devstack import gateway, kafka, logins, mongod, ports
from shop_devstack.credentials import StackKeys
from shop_devstack.logins import KafkaLogins, MongoLogins
from shop_devstack.settings import StackSettings

SERVICES = ("catalog", "identity", "session", "notifier", "analytics")

_STORES, _SANDBOX, _SERVICES, _GATEWAY = 10, 20, 30, 40
_SERVICE_STOP_SECONDS = 25  # five more than a service's own deadline


@dataclass(frozen=True)
class Program:
    """One supervised process.

    Parts of a lower rank are started first and stopped last; `ready` says whether it answers.
    """

    name: str
    title: str
    command: list[str]
    rank: int
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 20
    start_seconds: int = 90


@dataclass(frozen=True)
class Layout:
    """The addresses, logins and folders that the parts agree on."""

    folder: Path
    ports: Mapping[str, int]
    mongodb: MongoLogins
    kafka: KafkaLogins
    topic_prefix: str
    database_prefix: str

    @classmethod
    def choose(cls, folder: Path, settings: StackSettings) -> "Layout":
        """Take the preferred ports where they are free, and servers that are already there."""
        chosen: dict[str, int] = {}
        for name, preferred in settings.preferred_ports.items():
            chosen[name] = ports.preferred_or_free(preferred, frozenset(chosen.values()))
        return cls(
            folder=folder,
            ports=chosen,
            mongodb=MongoLogins.choose(folder, settings, chosen["mongod"]),
            kafka=KafkaLogins.choose(folder, settings, chosen["kafka"]),
            topic_prefix=settings.topic_prefix,
            database_prefix=settings.database_prefix,
        )

    @property
    def gateway_url(self) -> str:
        """Return the address for clients; browsers treat `localhost` as secure."""
        return f"http://localhost:{self.ports['gateway']}"

    def url(self, part: str) -> str:
        """Return the loopback address of one part."""
        return f"http://{ports.LOOPBACK}:{self.ports[part]}"

    def database(self, service: str) -> str:
        """Return the name of a service's database."""
        return f"{self.database_prefix}{service}"

    def data(self, part: str) -> Path:
        """Return the folder in which a part keeps its data."""
        return self.folder / "data" / part

    @property
    def mongod_key_file(self) -> Path:
        """Return the file with the key of the own mongod."""
        return self.folder / "run" / "mongod.key"

    def log(self, part: str) -> Path:
        """Return a part's log file."""
        return self.folder / "logs" / f"{part}.log"


def mongod_program(layout: Layout, binary: Path) -> Program:
    """Return the one-node replica set."""
    port = layout.ports["mongod"]
    return Program(
        name="mongod",
        title="MongoDB",
        command=mongod.command(binary, layout.data("mongod"), port, layout.mongod_key_file),
        rank=_STORES,
        ready=lambda: mongod.make_primary(port, layout.mongodb.key),
        stop_seconds=30,
    )


def kafka_program(broker: kafka.Broker) -> Program:
    """Return the broker."""
    return Program(
        name="kafka",
        title="Kafka",
        command=broker.command,
        rank=_STORES + 1,
        ready=lambda: kafka.is_ready(broker.root),
        stop_seconds=30,
    )


def sandbox_program(layout: Layout, keys: StackKeys) -> Program:
    """Return the server that stands in for SendGrid, Twilio and the payment provider."""
    port = layout.ports["sandbox"]
    data = str(layout.data("sandbox"))
    return Program(
        name="sandbox",
        title="Provider sandbox",
        command=[sys.executable, "-m", "shop_devstack.sandbox", "--port", str(port), "--data", data],
        rank=_SANDBOX,
        ready=lambda: ports.answers(port),
        environment={
            "SENDGRID_API_KEY": keys.sendgrid_api_key,
            "SANDBOX_SENDGRID_SIGNING_KEY": keys.sendgrid_signing_key,
            "SANDBOX_SENDGRID_WEBHOOK_URL": f"{layout.gateway_url}/v1/webhooks/sendgrid",
            "TWILIO_ACCOUNT_SID": keys.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": keys.twilio_auth_token,
            "PAYMENT_API_KEY": keys.payment_api_key,
            "PAYMENT_WEBHOOK_SECRET": keys.payment_webhook_secret,
            "SANDBOX_PAYMENT_WEBHOOK_URL": f"{layout.gateway_url}/v1/payments/webhooks",
        },
    )


def service_program(name: str, layout: Layout, keys: StackKeys) -> Program:
    """Return one of the five services, API and worker in one process."""
    port = layout.ports[name]
    return Program(
        name=name,
        title=name.capitalize(),
        command=[sys.executable, "-m", f"shop_{name}", "all"],
        rank=_SERVICES,
        ready=lambda: answers_ok(port, "/health/ready"),
        environment={
            "MONGODB_URL": layout.mongodb.by_service[name],
            "MONGODB_DATABASE": layout.database(name),
            **logins.variables(layout.kafka.by_principal[name]),
            "HTTP_HOST": ports.LOOPBACK,
            "HTTP_PORT": str(port),
            "PUBLIC_URL": layout.gateway_url,
            "TRUSTED_PROXIES": ports.LOOPBACK,
            **_own_variables(name, layout, keys),
        },
        stop_seconds=_SERVICE_STOP_SECONDS,
    )


def _own_variables(service: str, layout: Layout, keys: StackKeys) -> dict[str, str]:
    if service == "identity":
        return {
            "IDENTITY_KEY_ENCRYPTION_KEY": keys.identity_key_encryption_key,
            "IDENTITY_HASH_KEY": keys.identity_hash_key,
            "IDENTITY_ALLOW_TEST_ADDRESSES": "true",  # the demo's customers live there
        }
    if service == "notifier":
        return {
            "SENDGRID_API_KEY": keys.sendgrid_api_key,
            "SENDGRID_BASE_URL": layout.url("sandbox"),
            "SENDGRID_WEBHOOK_PUBLIC_KEY": keys.sendgrid_webhook_public_key,
            "TWILIO_ACCOUNT_SID": keys.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": keys.twilio_auth_token,
            "TWILIO_BASE_URL": layout.url("sandbox"),
            "MAIL_FROM": "shop@shopstream.example",
            "SMS_FROM": "+15005550006",
            "UNSUBSCRIBE_KEY": keys.notifier_unsubscribe_key,
        }
    if service == "catalog":
        return {
            "PAYMENT_BASE_URL": layout.url("sandbox"),
            "PAYMENT_API_KEY": keys.payment_api_key,
            "PAYMENT_WEBHOOK_SECRET": keys.payment_webhook_secret,
        }
    if service == "analytics":
        return {"SUGGESTION_DELAY_SECONDS": "20"}  # nobody waits five minutes at a laptop
    return {}


def gateway_program(layout: Layout, config: Path) -> Program:
    """Return the one door for clients."""
    port = layout.ports["gateway"]
    return Program(
        name="gateway",
        title="Gateway",
        command=gateway.command(gateway.find_caddy(), config),
        rank=_GATEWAY,
        ready=lambda: ports.answers(port),
        environment={
            "XDG_DATA_HOME": str(layout.data("gateway")),
            "XDG_CONFIG_HOME": str(layout.data("gateway")),
        },
    )


def answers_ok(port: int, path: str) -> bool:
    """Say whether a GET of this loopback address is answered with 200 within two seconds."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
