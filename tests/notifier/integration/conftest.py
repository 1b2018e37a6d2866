"""Notifier's API and the provider sandbox, each listening on loopback in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from shop_chassis.app import Api, create_app
from shop_chassis.auth import Caller, TokenVerifier
from shop_chassis.problems import Unauthenticated
from shop_devstack.sandbox.app import create_app as create_sandbox
from shop_devstack.sandbox.settings import SandboxSettings
from shop_devstack.sandbox.signatures import new_signing_key, verification_key
from shop_notifier.adapters.sendgrid import SendGrid, SendGridWebhook
from shop_notifier.adapters.twilio import Twilio, TwilioWebhook
from shop_notifier.api import ERRORS, ROUTERS
from shop_notifier.api.stream import Streams
from shop_notifier.application.live import Watchers
from shop_notifier.settings import NotifierSettings
from shop_notifier.store.unit_of_work import Transact
from tests.notifier.conftest import UNSUBSCRIBE_KEY

ACCOUNT = "AC" + "0" * 32
AUTH_TOKEN = "sandbox"
API_KEY = "SG.sandbox"


class EveryToken:
    """Verifies nothing: a token is ``<user id>`` or ``<user id>:<role>``, good until it is ``revoked``."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    def verify(self, token: str) -> Caller:
        if token in self.revoked:
            raise Unauthenticated
        user_id, _, role = token.partition(":")
        return Caller(user_id, frozenset({role} if role else ()))


class Server(uvicorn.Server):
    """uvicorn that leaves the signals to pytest."""

    @asynccontextmanager
    async def running(self, listening: socket.socket) -> AsyncIterator[None]:
        serving = asyncio.create_task(self._serve([listening]))
        try:
            async with asyncio.timeout(10):
                while not self.started:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            yield
        finally:
            self.should_exit = True
            await serving


@dataclass(frozen=True)
class World:
    """Where notifier and the sandbox listen."""

    public_url: str
    sandbox_url: str
    sandbox: httpx.AsyncClient


def listen() -> tuple[socket.socket, str]:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


def server(app: Any) -> Server:
    return Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))


@pytest.fixture(scope="session")
def signing_key() -> str:
    return new_signing_key()


@pytest.fixture
def tokens() -> EveryToken:
    return EveryToken()


@pytest.fixture
def streams() -> Streams:
    """What streams share: four at most, two of one user; they beat fast and wait briefly."""
    return Streams(Watchers(4, 2), asyncio.Event(), heartbeat=0.2, patience=1)


@pytest.fixture
def make_app(transact: Transact, signing_key: str, tokens: EveryToken, streams: Streams) -> Any:
    """Make the API as seen under a public URL."""

    def make(public_url: str, streams: Streams = streams) -> FastAPI:
        settings = NotifierSettings(
            sendgrid_api_key=API_KEY,
            sendgrid_webhook_public_key=verification_key(signing_key),
            mail_from="shop@example.com",
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=AUTH_TOKEN,
            sms_from="+15005550006",
            unsubscribe_key=UNSUBSCRIBE_KEY,
        )
        state = {
            "sendgrid_webhook": SendGridWebhook(settings.sendgrid_webhook_public_key),
            "twilio_webhook": TwilioWebhook(AUTH_TOKEN, public_url),
            "streams": streams,
        }
        verifier = cast(TokenVerifier, tokens)
        return create_app(settings, Api(ROUTERS, ERRORS, state), transact=transact, verifier=verifier)

    return make


@pytest.fixture
async def client(make_app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app("http://shop.test"), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


@pytest.fixture
async def world(make_app: Any, signing_key: str, tmp_path: Path) -> AsyncIterator[World]:
    own, public_url = listen()
    theirs, sandbox_url = listen()
    settings = SandboxSettings(
        sandbox_sendgrid_signing_key=signing_key,
        sandbox_sendgrid_webhook_url=f"{public_url}/v1/webhooks/sendgrid",
    )
    async with (
        server(make_app(public_url)).running(own),
        server(create_sandbox(settings, tmp_path)).running(theirs),
        httpx.AsyncClient(base_url=sandbox_url) as sandbox,
    ):
        yield World(public_url, sandbox_url, sandbox)


def sendgrid(base_url: str, timeout: float = 5, api_key: str = API_KEY) -> SendGrid:
    return SendGrid(api_key, base_url, "shop@example.com", concurrency=8, timeout=timeout)


def twilio(base_url: str, public_url: str, timeout: float = 5, auth_token: str = AUTH_TOKEN) -> Twilio:
    return Twilio(ACCOUNT, auth_token, base_url, "+15005550006", public_url, concurrency=8, timeout=timeout)
