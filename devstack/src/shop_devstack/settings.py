"""What the embedded stack reads from the environment. A taken port is replaced by a free one."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shop_events.kafka import KafkaSettings


class StackSettings(BaseSettings):
    """Servers to use instead of own ones, and the preferred loopback ports (0: any free one)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    mongodb_url: str | None = Field(None, description="Replica set to use instead of an own mongod")
    kafka_bootstrap_servers: str | None = Field(None, description="Broker to use instead of an own one")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to speak to that broker"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism of that broker where the protocol is SASL_*"
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user for that broker, of all parts")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password for that broker")
    kafka_ssl_cafile: str | None = Field(None, description="File with the CA of that broker's certificate")
    kafka_ssl_certfile: str | None = Field(None, description="File with a client certificate for that broker")
    kafka_ssl_keyfile: str | None = Field(None, description="File with the key of the client certificate")
    topic_prefix: str = Field("", description="Stands before each topic and group")
    database_prefix: str = Field("shop_", description="Stands before each service's database name")

    gateway_port: int = Field(8080, ge=0, le=65535, description="The one port for clients")
    sandbox_port: int = Field(8090, ge=0, le=65535, description="Provider sandbox")
    catalog_port: int = Field(8101, ge=0, le=65535, description="Catalog's API")
    identity_port: int = Field(8102, ge=0, le=65535, description="Identity's API")
    session_port: int = Field(8103, ge=0, le=65535, description="Session's API")
    notifier_port: int = Field(8104, ge=0, le=65535, description="Notifier's API")
    analytics_port: int = Field(8105, ge=0, le=65535, description="Analytics' API")
    mongod_port: int = Field(27117, ge=0, le=65535, description="MongoDB")
    kafka_port: int = Field(9192, ge=0, le=65535, description="Kafka's listener for clients")
    kafka_controller_port: int = Field(9193, ge=0, le=65535, description="Kafka's controller")

    @property
    def external_kafka(self) -> KafkaSettings | None:
        """Return the connection to the broker that is to be used instead of an own one."""
        if not self.kafka_bootstrap_servers:
            return None
        return KafkaSettings(
            bootstrap_servers=self.kafka_bootstrap_servers,
            topic_prefix=self.topic_prefix,
            security_protocol=self.kafka_security_protocol,
            sasl_mechanism=self.kafka_sasl_mechanism,
            sasl_username=self.kafka_sasl_username,
            sasl_password=self.kafka_sasl_password,
            ssl_cafile=self.kafka_ssl_cafile,
            ssl_certfile=self.kafka_ssl_certfile,
            ssl_keyfile=self.kafka_ssl_keyfile,
        )

    @property
    def preferred_ports(self) -> dict[str, int]:
        """Return the preferred port of each part, by its name."""
        return {
            name.removesuffix("_port").replace("_", "-"): getattr(self, name)
            for name in type(self).model_fields
            if name.endswith("_port")
        }
