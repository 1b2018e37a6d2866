"""How to reach Kafka: connection settings, and the names of topics, groups and transactions in use."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, SecretStr


class KafkaSettings(BaseModel):
    """Where the brokers are and how to speak to them.

    ``topic_prefix`` stands before every topic, group and transactional id, so that several systems (or tests)
    share one broker without meeting.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    topic_prefix: str = ""
    client_id: str = "shopstream"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    @property
    def password(self) -> str | None:
        """The SASL password as it is; for clients, never for a log."""
        return None if self.sasl_password is None else self.sasl_password.get_secret_value()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], client_id: str) -> KafkaSettings:
        """Read the variables that the services read: ``KAFKA_BOOTSTRAP_SERVERS``, …, ``TOPIC_PREFIX``.

        Raises ValidationError for a value that is not allowed. Empty means unset.
        """
        names = {field: f"KAFKA_{field.upper()}" for field in cls.model_fields}
        names |= {"topic_prefix": "TOPIC_PREFIX"}
        found = {field: environment[name] for field, name in names.items() if environment.get(name)}
        return cls.model_validate({**found, "client_id": client_id})

    def named(self, name: str) -> str:
        """Return the name of a topic, group or transaction as the broker knows it."""
        return f"{self.topic_prefix}{name}"

    def bare(self, name: str) -> str:
        """Return a topic's name without the prefix."""
        return name.removeprefix(self.topic_prefix)

    def connection(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = self._ssl_context()
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.password
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context
