"""The service as a process runs it: started, and told to make the first administrator."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr, ValidationError

from shop_chassis.app import create_app
from shop_identity.main import SERVICE, IdentityRuntime, api, create_admin
from shop_identity.settings import IdentitySettings

pytestmark = pytest.mark.integration


@pytest.fixture
async def runtime(
    mongo_url: str, database_name: str, settings: IdentitySettings
) -> AsyncIterator[IdentityRuntime]:
    there = {"mongodb_url": SecretStr(mongo_url), "mongodb_database": database_name}
    async with SERVICE.open(settings.model_copy(update=there)) as runtime:
        yield runtime
        await runtime.client.drop_database(database_name)


async def test_a_start_makes_the_first_key_and_puts_it_into_the_outbox(runtime: IdentityRuntime) -> None:
    assert await runtime.db.keys.count_documents({}) == 1
    assert await runtime.db.outbox.count_documents({}) == 1


async def test_create_admin_works_once_also_when_run_twice_at_a_time(
    runtime: IdentityRuntime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "an operator's password")
    codes = await asyncio.gather(
        *(create_admin(runtime, Namespace(email=f"root{i}@example.test")) for i in range(2))
    )
    codes.append(await create_admin(runtime, Namespace(email="root2@example.test")))
    assert sorted(codes) == [0, 1, 1]
    out, err = capsys.readouterr()
    assert out.startswith("usr_")
    assert "operator" not in out + err
    assert await runtime.db.users.count_documents({"roles": "administrator"}) == 1


@pytest.mark.parametrize(("email", "password"), [("root", "long enough"), ("root@example.test", "short")])
async def test_create_admin_refuses_what_registration_would_refuse(
    runtime: IdentityRuntime, monkeypatch: pytest.MonkeyPatch, email: str, password: str
) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", password)
    assert await create_admin(runtime, Namespace(email=email)) == 1
    assert await runtime.db.users.count_documents({}) == 0


async def test_the_document_names_every_public_route(runtime: IdentityRuntime) -> None:
    paths = create_app(runtime.settings, api(runtime)).openapi()["paths"]
    assert {path: sorted(item) for path, item in paths.items()} == {
        "/v1/users": ["post"],
        "/v1/users/me": ["delete", "get", "patch"],
        "/v1/users/{user_id}": ["delete"],
        "/v1/users/me/payment-methods": ["get", "post"],
        "/v1/users/me/payment-methods/{card_id}": ["delete"],
        "/v1/users/{user_id}/roles": ["put"],
        "/v1/auth/login": ["post"],
        "/v1/auth/refresh": ["post"],
        "/v1/auth/logout": ["post"],
        "/v1/guests": ["post"],
        "/v1/guests/verification": ["post"],
        "/v1/guests/access": ["post"],
        "/.well-known/jwks.json": ["get"],
    }


def test_without_secrets_the_environment_is_not_usable() -> None:
    with pytest.raises(ValidationError):
        IdentitySettings()
