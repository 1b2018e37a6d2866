"""Fixtures for all tests: one MongoDB and one Kafka for the whole run, and names that keep tests apart."""

import os
import secrets
from collections.abc import Iterator

import pytest

from shop_devstack.kafka import kafka_server
from shop_devstack.mongod import mongod_server


def pytest_addoption(parser: pytest.Parser) -> None:
    storm = parser.getgroup("storm", "what make test-chaos does to the backbone")
    storm.addoption("--chaos-kills", type=int, default=300, help="least number of kill -9 (default: 300)")
    storm.addoption("--chaos-seed", type=int, help="repeat the blows of this seed (default: a new one)")


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a replica set: the one `MONGODB_URL` names, else one that lives as long as the run."""
    if running := os.environ.get("MONGODB_URL"):
        yield running
        return
    with mongod_server(tmp_path_factory.mktemp("mongod")) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a broker: the one `KAFKA_BOOTSTRAP_SERVERS` names, else one for this run."""
    if running := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield running
        return
    with kafka_server(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture
def topic_prefix() -> str:
    """Prefix that keeps a test's topics, groups and transactional ids its own."""
    return f"t{secrets.token_hex(3)}."


@pytest.fixture
def database_name() -> str:
    """Name of a database that belongs to one test."""
    return f"test_{secrets.token_hex(4)}"
