"""Who logs in at the stack's own servers: a user for each service, one for the operator, one for analysts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shop_devstack import kafka, ports
from shop_devstack.credentials import ServerPasswords
from shop_devstack.settings import StackSettings
from shop_events.access import PRINCIPALS
from shop_events.kafka import KafkaSettings


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
        words = ServerPasswords.kept_in(folder / "passwords.json", (kafka.BROKER_USER, *PRINCIPALS)).kafka
        root = kafka.root(f"{ports.LOOPBACK}:{port}", words[kafka.BROKER_USER])
        root = root.model_copy(update={"topic_prefix": settings.topic_prefix})
        scram = root.model_copy(update={"sasl_mechanism": "SCRAM-SHA-512"})
        users = {
            name: scram.model_copy(update={"sasl_username": name, "sasl_password": words[name]})
            for name in PRINCIPALS
        }
        return cls(users, root)


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
