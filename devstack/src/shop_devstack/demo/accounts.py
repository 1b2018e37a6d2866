"""Somebody with an account: logs in, keeps the access token fresh, and asks the shop with it."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shop_devstack import credentials
from shop_devstack.demo.client import Answer, HttpClient
from shop_devstack.demo.errors import DemoError
from shop_devstack.demo.secrecy import Needle

DOMAIN = "shoppers.example"
_EXPIRES_SOON_SECONDS = 30
_REFUSED = 401


@dataclass(frozen=True, slots=True)
class _Tokens:
    access: str
    refresh: str
    good_until: float
    """In seconds of the monotonic clock."""


class Account:
    """One user of the shop and their tokens."""

    def __init__(self, client: HttpClient, email: str, password: str) -> None:
        self._client = client
        self.email = email
        self._password = password
        self.user_id = ""
        """Known once logged in."""
        self._tokens: _Tokens | None = None
        self._held: set[Needle] = {
            Needle("password", password),
            Needle("e-mail address", email, personal=True),
        }
        self._renewing = asyncio.Lock()  # two refreshes of one token would look like theft

    async def log_in(self) -> None:
        """Log in with the password. Raises DemoError when it is refused."""
        body = {"email": self.email, "password": self._password}
        answer = await self._client.ask("POST", "/v1/auth/login", body, accept=(200, _REFUSED))
        if answer.status == _REFUSED:
            raise DemoError(
                f"{self.email} has another password than this folder knows: "
                "`make reset` forgets the accounts of earlier stacks"
            )
        self._keep(answer)
        self.user_id = answer.body["user_id"]

    async def agree_to_mails(self) -> None:
        """Agree to be mailed suggestions, unless that was done before."""
        seen = await self.ask("GET", "/v1/users/me")
        if not seen.body["marketing"]:
            await self.ask("PATCH", "/v1/users/me", {"marketing": True}, {"If-Match": seen.etag or ""})

    @property
    def needles(self) -> frozenset[Needle]:
        """What of this user must be found nowhere, but for the address where personal data belongs."""
        return frozenset(self._held)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200, 201, 204),
        *,
        server: HttpClient | None = None,
    ) -> Answer:
        """Ask as this user, another `server` if one is named; a token that is refused is renewed once."""
        server = server or self._client
        used = await self._token()
        answer = await server.ask(method, path, body, _bearing(used, headers), (*accept, _REFUSED))
        if answer.status != _REFUSED:
            return answer
        fresh = await self._token(instead_of=used)
        return await server.ask(method, path, body, _bearing(fresh, headers), accept)

    async def _token(self, instead_of: str | None = None) -> str:
        async with self._renewing:
            tokens = self._tokens
            if tokens is None or tokens.access == instead_of or time.monotonic() > tokens.good_until:
                tokens = await self._renewed(tokens)
            return tokens.access

    async def _renewed(self, old: _Tokens | None) -> _Tokens:
        if old is not None:
            answer = await self._client.ask(
                "POST", "/v1/auth/refresh", {"refresh_token": old.refresh}, accept=(200, _REFUSED)
            )
            if answer.status != _REFUSED:
                return self._keep(answer)
        await self.log_in()
        assert self._tokens is not None
        return self._tokens

    def _keep(self, answer: Answer) -> _Tokens:
        self._tokens = tokens = _tokens(answer)
        self._held |= {Needle("access token", tokens.access), Needle("refresh token", tokens.refresh)}
        return tokens


def _bearing(token: str, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {**(headers or {}), "Authorization": f"Bearer {token}"}


def _tokens(answer: Answer) -> _Tokens:
    good_for = answer.body["expires_in"] - _EXPIRES_SOON_SECONDS
    return _Tokens(answer.body["access_token"], answer.body["refresh_token"], time.monotonic() + good_for)


class Passwords:
    """Passwords of the demo's customers: different for each, the same in each run on one folder."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    @classmethod
    def kept_in(cls, file: Path) -> "Passwords":
        """Use the secret of a file, which is made on first use."""
        if not file.exists():
            credentials.write_private(file, {"secret": secrets.token_urlsafe(32)})
        return cls(file.read_text())

    def of(self, email: str) -> str:
        """Return the password of one customer."""
        return hmac.new(self._secret, email.encode(), hashlib.sha256).hexdigest()[:32]


def email_of(customer: str) -> str:
    """Return the address of a customer of the data; numbers stay readable."""
    name = customer.lower() if customer.isalnum() and customer.isascii() else _digest(customer)
    return f"c{name[:60]}@{DOMAIN}"


def phone_of(customer: str) -> str:
    """Return one of the thousand numbers that Ofcom keeps for films, which ring nowhere; E.164."""
    return f"+447700900{int(_digest(customer), 16) % 1000:03d}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def register(client: HttpClient, customer: str, password: str) -> None:
    """Register a customer; one who is registered already stays as they are."""
    email = email_of(customer)
    body = {
        "email": email,
        "password": password,
        "name": f"Customer {customer}",
        "phone": phone_of(customer),
        "language": "en",
        "time_zone": "Europe/London",
    }
    # the key never changes, so that a later run repeats this request instead of knocking at a taken address
    headers = {"Idempotency-Key": f"demo-{email}"}
    await client.ask("POST", "/v1/users", body, headers, accept=(200, 201, 409))
