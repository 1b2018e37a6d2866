"""The environment that all five services share. Each service subclasses it and adds its own variables."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, Literal

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shop_events.kafka import KafkaSettings


def _instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def secrets_in(value: SecretStr) -> list[str]:
    """Split secrets that are separated by commas; ValueError when there is none."""
    found = [part.strip() for part in value.get_secret_value().split(",") if part.strip()]
    if not found:
        raise ValueError("at least one key is needed")
    return found


class ServiceSettings(BaseSettings):
    """Typed environment. A variable is the field's name in capitals; empty means unset.

    A service overrides the defaults of ``service_name``, ``http_port`` and ``mongodb_database``; description
    and bounds of an overridden field stay.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    service_name: str = Field(
        pattern=r"^[a-z]+$", description="Name of the service in logs, metrics and event sources"
    )
    instance_id: str = Field(
        default_factory=_instance, description="Name of this process: holder of leases, field in logs"
    )

    mongodb_url: SecretStr = Field(
        SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0"),
        description="MongoDB connection string of a replica set, with this service's own credentials",
    )
    mongodb_database: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Database that this service owns alone"
    )
    mongodb_pool_size: int = Field(
        64, ge=1, le=1000, description="Most connections this process opens to each MongoDB server"
    )
    mongo_driver: Literal["pymongo"] = Field("pymongo", description="MongoDB driver: PyMongo Async")

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Kafka brokers to start from, host:port separated by commas"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to speak to the Kafka brokers"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism where the protocol is SASL_*"
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user of this service")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password of this service")
    kafka_ssl_cafile: str | None = Field(None, description="File with the CA of the brokers' certificates")
    kafka_ssl_certfile: str | None = Field(None, description="File with this service's client certificate")
    kafka_ssl_keyfile: str | None = Field(None, description="File with the key of the client certificate")
    topic_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]*$", description="Stands before each topic and group on a shared broker"
    )

    http_host: str = Field("127.0.0.1", description="Address to listen on, for requests and health")
    http_port: int = Field(ge=0, le=65535, description="Port of the API; 0 takes a free one")
    worker_port: int = Field(
        0, ge=0, le=65535, description="Port of a worker's health and metrics; 0 takes a free one"
    )
    public_url: str = Field("http://localhost:8080", description="Where clients reach the gateway")
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="Addresses or networks, separated by commas, whose X-Forwarded-* headers are believed",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body, in bytes")
    max_header_bytes: int = Field(
        16_384, ge=1024, description="Largest total of a request's header names and values, in bytes"
    )
    max_in_flight: int = Field(
        512, ge=1, description="Requests served at once; more are answered 503 until some are done"
    )

    token_issuer: str = Field("shopstream", min_length=1, description="Issuer of access tokens (iss)")
    token_audience: str = Field("shopstream", min_length=1, description="Audience of access tokens (aud)")
    token_leeway_seconds: int = Field(
        5, ge=0, le=60, description="Difference of clocks that is forgiven when a token's times are checked"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged"
    )
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or for eyes")
    otel_exporter_otlp_endpoint: HttpUrl | None = Field(
        None,
        description="Where spans go by OTLP over HTTP, for instance http://127.0.0.1:4318; unset: nowhere",
    )
    otel_traces_sampler_arg: float = Field(
        0.1, ge=0, le=1, description="Share of traces that are recorded; must be the same in all services"
    )
    vitals_interval_seconds: float = Field(
        15, gt=0, le=300, description="Time between two samples of memory, CPU and event-loop lag"
    )
    shutdown_seconds: float = Field(
        20, gt=0, le=600, description="Deadline from the signal to the end of the process"
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        le=60,
        description="How long to stay open, but not ready, after the signal, for load balancers",
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name, inherited in ServiceSettings.model_fields.items():
            field = cls.model_fields[name]
            field.description = field.description or inherited.description
            field.metadata = field.metadata or inherited.metadata
        cls.model_rebuild(force=True)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            ip_network(part)
        return value

    @property
    def proxies(self) -> list[str]:
        """Return the trusted addresses and networks one by one."""
        return [part.strip() for part in self.trusted_proxies.split(",") if part.strip()]

    @property
    def kafka(self) -> KafkaSettings:
        """Return what shop_events needs to know to reach Kafka."""
        return KafkaSettings(
            bootstrap_servers=self.kafka_bootstrap_servers,
            topic_prefix=self.topic_prefix,
            client_id=f"{self.service_name}-{self.instance_id}",
            security_protocol=self.kafka_security_protocol,
            sasl_mechanism=self.kafka_sasl_mechanism,
            sasl_username=self.kafka_sasl_username,
            sasl_password=self.kafka_sasl_password,
            ssl_cafile=self.kafka_ssl_cafile,
            ssl_certfile=self.kafka_ssl_certfile,
            ssl_keyfile=self.kafka_ssl_keyfile,
        )

    @property
    def token_leeway(self) -> timedelta:
        """Return the forgiven difference of clocks."""
        return timedelta(seconds=self.token_leeway_seconds)
