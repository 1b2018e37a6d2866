"""Who logs in at the stack's own servers: a user for each service, one for the operator, one for analysts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from shop_devstack import kafka, mongod, ports
from shop_devstack.credentials import ServerPasswords
from shop_devstack.settings import StackSettings
from shop_events.access import OPERATOR, PRINCIPALS
from shop_events.kafka import KafkaSettings
from shop_events.topics import SERVICES

_NODE = "node"
"""Whose password in the file is the key of the own mongod."""


def passwords_file(folder: Path) -> Path:
    """Return where the passwords of a stack's folder are kept."""
    return folder / "passwords.json"


def passwords(folder: Path) -> ServerPasswords:
    """Return the passwords of a stack's folder, making those that are missing."""
    return ServerPasswords.kept_in(
        passwords_file(folder),
        kafka=(kafka.BROKER_USER, *PRINCIPALS),
        mongodb=(_NODE, *SERVICES, OPERATOR),
    )


@dataclass(frozen=True)
class KafkaLogins:
    """Connections to Kafka: each principal's, and at the stack's own broker that of the broker itself."""

    by_principal: Mapping[str, KafkaSettings]
    root: KafkaSettings | None = None

    @classmethod
    def choose(cls, folder: Path, settings: StackSettings, port: int) -> "KafkaLogins":
        """Return a login for each at the own broker on `port`; another broker knows one at most."""
        if external := settings.external_kafka:
            return cls(dict.fromkeys(PRINCIPALS, external))
        words = passwords(folder).kafka
        root = kafka.root(f"{ports.LOOPBACK}:{port}", words[kafka.BROKER_USER])
        root = root.model_copy(update={"topic_prefix": settings.topic_prefix})
        scram = root.model_copy(update={"sasl_mechanism": "SCRAM-SHA-512"})
        users = {
            name: scram.model_copy(update={"sasl_username": name, "sasl_password": words[name]})
            for name in PRINCIPALS
        }
        return cls(users, root)


@dataclass(frozen=True)
class MongoLogins:
    """Connections to MongoDB: each service's, and at the stack's own node its users and its key.

    `address` is without a login.
    """

    address: str
    by_service: Mapping[str, str]
    users: Sequence[mongod.User] = ()
    key: SecretStr | None = None

    @classmethod
    def choose(cls, folder: Path, settings: StackSettings, port: int) -> "MongoLogins":
        """Return a login for each service at the own node on `port`; all use the same one at another."""
        if external := settings.mongodb_url:
            return cls(external, dict.fromkeys(SERVICES, external))
        words = passwords(folder).mongodb
        owners = {
            name: mongod.User(name, words[name], f"{settings.database_prefix}{name}") for name in SERVICES
        }
        operator = mongod.User(OPERATOR, words[OPERATOR], "admin", administrates=True)
        urls = {name: mongod.url(port, owner) for name, owner in owners.items()}
        return cls(mongod.url(port), urls, (*owners.values(), operator), words[_NODE])


def variables(connection: KafkaSettings) -> dict[str, str]:
    """Return a connection to Kafka as the environment of a service; empty means unset."""
    values = {
        "KAFKA_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": connection.security_protocol,
        "KAFKA_SASL_MECHANISM": connection.sasl_mechanism,
        "KAFKA_SASL_USERNAME": connection.sasl_username,
        "KAFKA_SASL_PASSWORD": connection.password,
        "KAFKA_SSL_CAFILE": connection.ssl_cafile,
        "KAFKA_SSL_CERTFILE": connection.ssl_certfile,
        "KAFKA_SSL_KEYFILE": connection.ssl_keyfile,
        "TOPIC_PREFIX": connection.topic_prefix,
    }
    return {name: value or "" for name, value in values.items()}
