"""The smallest service there can be: it publishes signing keys, and answers slowly if asked to."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from pymongo.asynchronous.database import AsyncDatabase

from shop_chassis.app import Api
from shop_chassis.auth import Authenticated
from shop_chassis.cli import run
from shop_chassis.http import Body, Read, Transact
from shop_chassis.jobs import Job
from shop_chassis.service import Command, Runtime, Service
from shop_chassis.settings import ServiceSettings
from shop_events.contracts import Fact
from shop_events.contracts.identity import SigningKeyPublished
from shop_events.handlers import Subscriptions
from shop_events.unit_of_work import UnitOfWork


class Settings(ServiceSettings):
    service_name: str = "identity"
    http_port: int = 0
    mongodb_database: str = "shop_small"


class NewKey(Body):
    kid: Annotated[str, Field(max_length=40)]
    x: Annotated[str, Field(max_length=64)]


router = APIRouter()


async def publish(uow: UnitOfWork, body: NewKey) -> None:
    await uow.db["notes"].insert_one({"_id": body.kid}, session=uow.session)
    uow.publish([Fact(SigningKeyPublished(kid=body.kid, x=body.x, published_at=datetime.now(UTC)), 1)])


async def count(uow: UnitOfWork) -> int:
    return await uow.db["notes"].count_documents({})


@router.post("/v1/keys", status_code=201)
async def publish_key(body: NewKey, transact: Transact) -> None:
    await transact(publish, body)


@router.get("/v1/keys")
async def count_keys(read: Read) -> int:
    return await read(count)


@router.get("/v1/me")
async def me(caller: Authenticated) -> str:
    return caller.user_id


@router.get("/v1/slow")
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@router.get("/v1/until-the-end")
async def until_the_end(request: Request) -> str:
    await request.app.state.stopping.wait()
    return "done"


@asynccontextmanager
async def resources(runtime: Runtime[Settings, Any]) -> AsyncIterator[str]:
    await runtime.db["notes"].update_one({"_id": "opened"}, {"$inc": {"times": 1}}, upsert=True)
    yield "open"
    await runtime.db["notes"].update_one({"_id": "closed"}, {"$inc": {"times": 1}}, upsert=True)


def jobs(runtime: Runtime[Settings, str]) -> list[Job]:
    async def tick() -> None:
        await runtime.db["ticks"].insert_one({})

    return [Job("tick", timedelta(milliseconds=50), tick)]


async def migrate(db: AsyncDatabase[Any]) -> None:
    await db["notes"].create_index("name")


async def republish(runtime: Runtime[Settings, str]) -> int:
    return await runtime.transact.read(count)


async def greet(runtime: Runtime[Settings, str], arguments: Namespace) -> int:
    await runtime.db["greetings"].insert_one({"name": arguments.name})
    return 3


def greet_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--name", required=True)


SERVICE = Service[Settings, str](
    settings=Settings,
    unit_of_work=UnitOfWork,
    api=lambda runtime: Api([router], state={"stopping": runtime.stopping}),
    subscriptions=Subscriptions("identity", []),
    migrate=migrate,
    resources=resources,
    jobs=jobs,
    republish=republish,
    commands=[Command("greet", "greet somebody", greet, greet_arguments)],
)

if __name__ == "__main__":
    raise SystemExit(run(SERVICE))
