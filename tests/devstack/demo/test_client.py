"""The demo's shoppers wait when told to, ask again when nobody answers, and keep their tokens fresh."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from email_validator import validate_email

from shop_devstack.demo.accounts import Account, Passwords, email_of, phone_of, register
from shop_devstack.demo.client import HttpClient
from shop_devstack.demo.errors import DemoError, NoAnswerError, UnexpectedAnswerError

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler, patience: float = 10) -> AsyncIterator[HttpClient]:
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session:
            yield HttpClient(session, f"http://127.0.0.1:{port}", patience)
    finally:
        await runner.cleanup()


def answering(*answers: web.Response, seen: list[web.BaseRequest] | None = None) -> Handler:
    left = iter(answers)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        if seen is not None:
            seen.append(request)
        return next(left)

    return handle


def ok(body: Any = None, **headers: str) -> web.Response:
    return web.json_response(body or {}, headers=headers)


async def test_bytes_are_sent_as_json_lines_and_an_answer_of_lines_is_read_as_all_of_them() -> None:
    seen: list[web.BaseRequest] = []
    lines = web.Response(body=b'{"line":1}\n{"line":2}\n', content_type="application/x-ndjson")
    async with served(answering(lines, seen=seen)) as client:
        answer = await client.ask("POST", "/x", b'{"n":1}\n{"n":2}')

    assert answer.body == [{"line": 1}, {"line": 2}]
    assert seen[0].content_type == "application/x-ndjson"
    assert await seen[0].read() == b'{"n":1}\n{"n":2}'


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_request_that_may_fare_better_later_is_sent_again_as_it_was(status: int) -> None:
    seen: list[web.BaseRequest] = []
    async with served(answering(web.Response(status=status), ok({"a": 1}, ETag='"v1"'), seen=seen)) as client:
        answer = await client.ask("POST", "/x", {"n": 1}, {"Idempotency-Key": "k"})

    assert (answer.body, answer.etag) == ({"a": 1}, '"v1"')
    assert [request.headers["Idempotency-Key"] for request in seen] == ["k", "k"]
    assert client.retries == {str(status): 1}


async def test_a_connection_that_breaks_is_no_answer() -> None:
    broken = False

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal broken
        if not broken:
            broken = True
            assert request.transport is not None
            request.transport.abort()
        return ok()

    async with served(handle) as client:
        assert (await client.ask("POST", "/x", {})).status == 200
        assert client.retries.total() == 1


async def test_retry_after_is_obeyed_up_to_the_end_of_patience() -> None:
    later = web.Response(status=503, headers={"Retry-After": "30"})
    async with served(answering(later), patience=5) as client:
        with pytest.raises(NoAnswerError, match="503"):
            await client.ask("GET", "/x")


async def test_any_other_answer_than_expected_is_told() -> None:
    async with served(answering(web.json_response({"title": "Out of stock"}, status=409))) as client:
        with pytest.raises(UnexpectedAnswerError, match=r"POST /x was answered with 409: .*Out of stock"):
            await client.ask("POST", "/x", {})


class Identity:
    """Gives out numbered tokens; an access token is refused once it is in `revoked`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.revoked: set[str] = set()
        self.expires_in = 300
        self.refreshes = True

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls.append(request.path)
        if request.path == "/v1/users":
            return web.Response(status=409)
        if request.path == "/v1/auth/refresh" and not self.refreshes:
            return web.Response(status=401)
        if request.path.startswith("/v1/auth"):
            number = len(self.calls)
            tokens = {"access_token": f"a{number}", "refresh_token": f"r{number}", "user_id": "usr_1"}
            return ok({**tokens, "expires_in": self.expires_in})
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return web.Response(status=401) if token in self.revoked else ok({"token": token})


async def test_a_refused_token_is_refreshed_once_and_the_request_repeated() -> None:
    identity = Identity()
    async with served(identity) as client:
        account = Account(client, "c1@shoppers.example", "x")
        await account.log_in()
        identity.revoked = {"a1"}

        assert (await account.ask("GET", "/x")).body == {"token": "a3"}
    assert identity.calls == ["/v1/auth/login", "/x", "/v1/auth/refresh", "/x"]


async def test_a_token_about_to_expire_is_not_used() -> None:
    identity = Identity()
    identity.expires_in = 1
    async with served(identity) as client:
        account = Account(client, "c1@shoppers.example", "x")
        await account.log_in()
        await account.ask("GET", "/x")

    assert identity.calls == ["/v1/auth/login", "/v1/auth/refresh", "/x"]


async def test_without_a_good_refresh_token_the_customer_logs_in_again() -> None:
    identity = Identity()
    identity.refreshes = False
    async with served(identity) as client:
        account = Account(client, "c1@shoppers.example", "x")
        await account.log_in()
        identity.revoked = {"a1"}
        await account.ask("GET", "/x")

    assert identity.calls[2:4] == ["/v1/auth/refresh", "/v1/auth/login"]


async def test_a_password_of_another_stack_is_told() -> None:
    async with served(answering(web.Response(status=401))) as client:
        with pytest.raises(DemoError, match="make reset"):
            await Account(client, "c1@shoppers.example", "x").log_in()


async def test_registering_again_repeats_the_same_request() -> None:
    seen: list[web.BaseRequest] = []
    async with served(answering(web.Response(status=201), web.Response(status=409), seen=seen)) as client:
        for _ in range(2):
            await register(client, "17850", "password")

    first, second = (request.headers["Idempotency-Key"] for request in seen)
    assert first == second


@pytest.mark.parametrize("customer", ["17850", "Ada Lovelace", "ü", "x" * 200])
def test_customers_have_addresses_that_exist_nowhere(customer: str) -> None:
    assert validate_email(email_of(customer), check_deliverability=False)
    assert phone_of(customer).startswith("+447700900")
    assert len(phone_of(customer)) == 13


def test_passwords_differ_by_customer_and_stay_the_same_in_a_folder(tmp_path: Path) -> None:
    first, again = (Passwords.kept_in(tmp_path / "secret.json") for _ in range(2))

    assert (
        first.of("c1@shoppers.example") == again.of("c1@shoppers.example") != first.of("c2@shoppers.example")
    )
    assert Passwords("other").of("c1@shoppers.example") != first.of("c1@shoppers.example")
