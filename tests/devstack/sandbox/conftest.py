"""One running sandbox and one receiver of its webhooks for all tests; each test uses ids of its own."""

import secrets
from collections.abc import Iterator

import pytest

from shop_devstack.ports import free_port
from shop_devstack.sandbox.signatures import new_signing_key
from tests.devstack.sandbox.running import Receiver, Sandbox, environment


@pytest.fixture(scope="session")
def signing_key() -> str:
    return new_signing_key()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="session")
def running_sandbox(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, signing_key: str
) -> Iterator[Sandbox]:
    data = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(free_port(), data, environment(receiver, signing_key)).start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    yield running_sandbox
    for provider in ("sendgrid", "twilio", "payments"):
        running_sandbox.http.delete(f"/sandbox/faults/{provider}").raise_for_status()


@pytest.fixture
def order_id() -> str:
    return f"ord_{secrets.token_hex(8)}"
