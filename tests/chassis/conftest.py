"""A small service for the tests of the chassis, and access tokens for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fastapi import FastAPI
from structlog.testing import capture_logs

from shop_chassis.auth import TokenVerifier
from shop_chassis.settings import ServiceSettings
from tests.chassis.small_api import small_app

Mint = Callable[..., str]


class TestedSettings(ServiceSettings):
    __test__ = False

    service_name: str = "tested"
    http_port: int = 0
    mongodb_database: str = "shop_tested"


class Keys:
    """Key and revocation source of the tests."""

    def __init__(self) -> None:
        self.known: dict[str, Ed25519PublicKey] = {}
        self.epochs: dict[str, int] = {}

    def key(self, kid: str) -> Ed25519PublicKey | None:
        return self.known.get(kid)

    def lowest_epoch(self, subject: str) -> int | None:
        return self.epochs.get(subject)


@pytest.fixture
def settings() -> TestedSettings:
    return TestedSettings()


@pytest.fixture
def signing_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def keys(signing_key: Ed25519PrivateKey) -> Keys:
    keys = Keys()
    keys.known["key-1"] = signing_key.public_key()
    return keys


@pytest.fixture
def verifier(keys: Keys) -> TokenVerifier:
    return TokenVerifier(keys, keys, issuer="shopstream", audience="shopstream")


@pytest.fixture
def claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "shopstream",
        "aud": "shopstream",
        "sub": "usr_1",
        "iat": now,
        "exp": now + 300,
        "jti": "tok_1",
        "roles": ["customer"],
        "scope": "orders:write orders:read",
        "sid": "fam_1",
        "epoch": 3,
    }


@pytest.fixture
def mint(signing_key: Ed25519PrivateKey, claims: dict[str, Any]) -> Mint:
    """Make a token from ``claims``: arguments replace claims, None removes one."""

    def make(header: dict[str, Any] | None = None, key: Any = signing_key, **changed: Any) -> str:
        payload = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        headers = {"typ": "at+jwt", "kid": "key-1", **(header or {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return jwt.encode(payload, key, headers.get("alg", "EdDSA"), headers)

    return make


@pytest.fixture
def connect() -> Callable[[Any], httpx.AsyncClient]:
    """Make a client that talks to an ASGI application in this process."""

    def client(app: Any, host: str = "127.0.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(host, 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://service")

    return client


@pytest.fixture
def app(settings: TestedSettings, verifier: TokenVerifier) -> FastAPI:
    return small_app(settings, verifier)


@pytest.fixture
async def client(app: Any, connect: Callable[[Any], httpx.AsyncClient]) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(app) as client:
        yield client


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Keep the logs of tested code in memory."""
    with capture_logs():
        yield
