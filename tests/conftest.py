"""Fixtures for all tests: one MongoDB and one Kafka for the whole run, and names that keep tests apart."""

import gc
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import pytest

from shop_devstack.kafka import kafka_server
from shop_devstack.mongod import mongod_server
from tests.databases import Databases
from tests.scheduling import ByStack, place_of

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_SHARED = pytest.StashKey[ExitStack]()
_ADDRESSES = pytest.StashKey[dict[str, str]]()
_MONGO_URL, _KAFKA = "mongo_url", "kafka_bootstrap"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker (`-n 2`) of the servers that all of them share; the first one has them started."""
    servers = node.config.stash.setdefault(_SHARED, ExitStack())
    told = node.config.stash.setdefault(_ADDRESSES, {})
    if not told:
        folder = Path(servers.enter_context(TemporaryDirectory(prefix="shopstream-tests-")))
        told[_MONGO_URL] = os.environ.get("MONGODB_URL") or servers.enter_context(
            mongod_server(folder / "mongod")
        )
        told[_KAFKA] = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or servers.enter_context(
            kafka_server(folder / "kafka")
        )
    node.workerinput.update(told)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker a module at a time, and all that share the running stack to one of them."""
    return ByStack(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker ends long after the others."""
    items.sort(key=lambda item: place_of(item.nodeid))


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which live as long as the run."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the servers that workers shared."""
    if servers := session.config.stash.get(_SHARED, None):
        servers.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    storm = parser.getgroup("storm", "what make test-chaos does to the backbone")
    storm.addoption("--chaos-kills", type=int, default=300, help="least number of kill -9 (default: 300)")
    storm.addoption("--chaos-seed", type=int, help="repeat the blows of this seed (default: a new one)")


@pytest.fixture(scope="session")
def mongo_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a replica set: the one `MONGODB_URL` names, else one that lives as long as the run."""
    if running := _shared(request, _MONGO_URL) or os.environ.get("MONGODB_URL"):
        yield running
        return
    with mongod_server(tmp_path_factory.mktemp("mongod")) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """`host:port` of a broker: the one `KAFKA_BOOTSTRAP_SERVERS` names, else one for this run."""
    if running := _shared(request, _KAFKA) or os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield running
        return
    with kafka_server(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
async def databases(mongo_url: str) -> AsyncIterator[Databases]:
    """The databases that tests of this process find empty."""
    kept = Databases(mongo_url)
    yield kept
    await kept.drop()


def _shared(request: pytest.FixtureRequest, name: str) -> str | None:
    return getattr(request.config, "workerinput", {}).get(name)


@pytest.fixture
def topic_prefix() -> str:
    """Prefix that keeps a test's topics, groups and transactional ids its own."""
    return f"t{secrets.token_hex(3)}."


@pytest.fixture
def database_name() -> str:
    """Name of a database that belongs to one test."""
    return f"test_{secrets.token_hex(4)}"
