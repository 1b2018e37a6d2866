"""identity as its clients see it, on a real MongoDB, with a clock and a relay that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.utils import base64url_decode

from shop_chassis.app import create_app
from shop_chassis.auth import TokenVerifier
from shop_events import migrations
from shop_events.contracts.base import Event
from shop_events.contracts.identity import SigningKeyPublished, SigningKeyRetired, TokensRevoked
from shop_events.envelope import Received, decode
from shop_events.outbox import OUTBOX, message_of
from shop_events.unit_of_work import Transactor
from shop_identity.adapters.passwords import PasswordPool
from shop_identity.application import keys
from shop_identity.main import Resources, api_of, wired
from shop_identity.settings import IdentitySettings
from shop_identity.store.schema import migrate
from shop_identity.store.unit_of_work import IdentityUnitOfWork
from tests.databases import Database, Databases

PASSWORD = "correct horse battery"


class Clock:
    """The time, moved by the test."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


class Relay:
    """Takes rows out of the outbox as the relay does, and knows what readers of the topics then know."""

    def __init__(self, db: Database) -> None:
        self._outbox = db[OUTBOX]
        self.told: list[Received] = []
        self.keys: dict[str, str] = {}
        self.epochs: dict[str, int] = {}

    async def run(self) -> list[Event]:
        """Deliver what is waiting; return the events."""
        rows = await self._outbox.find().sort("_id").to_list()
        await self._outbox.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
        received = [decode(message_of(row)) for row in rows]
        self.told += received
        for each in received:
            self._learn(each.event)
        return [each.event for each in received]

    def key(self, kid: str) -> Ed25519PublicKey | None:
        x = self.keys.get(kid)
        return Ed25519PublicKey.from_public_bytes(base64url_decode(x)) if x else None

    def lowest_epoch(self, subject: str) -> int | None:
        return self.epochs.get(subject)

    def _learn(self, event: Event) -> None:
        match event:
            case SigningKeyPublished():
                self.keys[event.kid] = event.x
            case SigningKeyRetired():
                del self.keys[event.kid]
            case TokensRevoked():
                self.epochs[event.subject] = event.lowest_epoch


class Identity:
    """What tests drive."""

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        transact: Transactor[IdentityUnitOfWork],
        parts: Resources,
        relay: Relay,
        clock: Clock,
        db: Database,
    ) -> None:
        self.http = http
        self.transact = transact
        self.parts = parts
        self.relay = relay
        self.clock = clock
        self.db = db

    async def register(self, email: str = "ada@example.test", **more: Any) -> httpx.Response:
        return await self.http.post("/v1/users", json={"email": email, "password": PASSWORD, **more})

    async def log_in(
        self, email: str = "ada@example.test", password: str = PASSWORD, client: str = "198.51.100.1"
    ) -> httpx.Response:
        return await self.http.post(
            "/v1/auth/login",
            json={"email": email, "password": password},
            headers={"X-Forwarded-For": client},
        )

    async def tokens(self, email: str = "ada@example.test") -> dict[str, Any]:
        """Register, log in, and return what was granted."""
        assert (await self.register(email)).status_code == 201
        answer = await self.log_in(email)
        assert answer.status_code == 200
        await self.relay.run()
        granted: dict[str, Any] = answer.json()
        return granted

    async def refresh(self, token: str) -> httpx.Response:
        return await self.http.post("/v1/auth/refresh", json={"refresh_token": token})

    async def me(self, access_token: str) -> httpx.Response:
        return await self.http.get("/v1/users/me", headers=bearer(access_token))

    async def tend_keys(self) -> None:
        await self.transact(keys.tend, self.parts.signer)


def bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(
        identity_key_encryption_key=Fernet.generate_key().decode(),
        identity_hash_key="k" * 32,
        identity_allow_test_addresses=True,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    async with databases.empty(migrations.migrate, migrate) as database:
        yield database


@pytest.fixture
async def unready(db: Database, settings: IdentitySettings, clock: Clock) -> AsyncIterator[Identity]:
    """identity before its first signing key was published."""
    transact = Transactor(db.client, db, partial(IdentityUnitOfWork, source="identity", clock=clock))
    passwords = PasswordPool(2, 64, memory_kib=8, passes=1)
    parts = wired(settings, transact, db, passwords, clock)
    relay = Relay(db)
    verifier = TokenVerifier(relay, relay, issuer=settings.token_issuer, audience=settings.token_audience)
    app = create_app(settings, api_of(parts), transact=transact, verifier=verifier)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as http:
        yield Identity(http=http, transact=transact, parts=parts, relay=relay, clock=clock, db=db)
    passwords.close()


@pytest.fixture
async def identity(unready: Identity) -> Identity:
    """identity that signs tokens."""
    await unready.tend_keys()
    await unready.relay.run()
    await unready.tend_keys()
    return unready
