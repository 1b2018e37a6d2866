"""Misbehaviour on request: which answers of a provider are spoiled, and how.

A plan lives in memory alone, so a sandbox that was started anew is healthy. The gate stands before the
application: the providers' own code knows nothing of faults.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from enum import StrEnum

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shop_devstack.sandbox.wire import ProviderError


class Mode(StrEnum):
    """What happens to a request that a fault hits."""

    OK = "ok"
    TOO_MANY = "429"
    BROKEN = "500"
    UNAVAILABLE = "503"
    SLOW = "slow"
    ACCEPT_SILENTLY = "accept_silently"
    HANG = "refuse_connection_or_hang"


_STATUS = {Mode.TOO_MANY: 429, Mode.BROKEN: 500, Mode.UNAVAILABLE: 503}


class Fault(BaseModel):
    """A provider's misbehaviour.

    `429`, `500` and `503` are answered and nothing is kept; `slow` acts at once and answers `delay_ms` later;
    `accept_silently` acts, sends the webhooks and never answers; `refuse_connection_or_hang` does nothing and
    never answers. `ratio` chooses which requests are hit, always the same ones for a seed; after `count` hits
    the provider is well again.
    """

    model_config = ConfigDict(extra="forbid")

    mode: Mode = Mode.OK
    delay_ms: int = Field(1000, ge=0, le=600_000)
    count: int | None = Field(None, ge=1)
    ratio: float = Field(1.0, gt=0, le=1)
    seed: int = 0
    retry_after_s: int = Field(1, ge=0, le=3600)


class FaultPlan:
    """The present fault of each provider."""

    def __init__(self, providers: tuple[str, ...]) -> None:
        self._faults = {provider: Fault() for provider in providers}
        self._dice = {provider: random.Random(0) for provider in providers}  # noqa: S311

    @property
    def faults(self) -> Mapping[str, Fault]:
        """What is planned, by provider; `count` is what is left of it."""
        return self._faults

    def plan(self, provider: str, fault: Fault) -> None:
        """Replace a provider's fault."""
        self._faults[provider] = fault
        self._dice[provider].seed(fault.seed)

    def draw(self, provider: str) -> Fault:
        """Return what is to happen to the next request."""
        fault = self._faults[provider]
        if fault.mode is Mode.OK or self._dice[provider].random() >= fault.ratio:
            return Fault()
        if fault.count is not None:
            left = fault.count - 1
            self._faults[provider] = fault.model_copy(update={"count": left}) if left else Fault()
        return fault

    def routes(self) -> APIRouter:
        """Return the control's routes."""
        router = APIRouter(prefix="/sandbox/faults", tags=["faults"])
        router.add_api_route("", self._show, methods=["GET"])
        router.add_api_route("/{provider}", self._change, methods=["PUT"])
        router.add_api_route("/{provider}", self._reset, methods=["DELETE"], status_code=204)
        return router

    async def _show(self) -> Mapping[str, Fault]:
        return self._faults

    async def _change(self, provider: str, fault: Fault) -> Fault:
        self._known(provider)
        self.plan(provider, fault)
        return fault

    async def _reset(self, provider: str) -> None:
        self._known(provider)
        self.plan(provider, Fault())

    def _known(self, provider: str) -> None:
        if provider not in self._faults:
            raise HTTPException(404, f"providers are {', '.join(self._faults)}")


class FaultGate:
    """ASGI middleware that spoils answers as planned.

    Args:
        app: the application behind it.
        plan: what to spoil.
        provider_of: says whose API a path belongs to, or None.
        errors: by provider, its way of saying 429, 500 and 503.
    """

    def __init__(
        self,
        app: ASGIApp,
        plan: FaultPlan,
        provider_of: Callable[[str], str | None],
        errors: Mapping[str, Callable[[int], ProviderError]],
    ) -> None:
        self._app = app
        self._plan = plan
        self._provider_of = provider_of
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or do to it what the plan says."""
        provider = self._provider_of(scope["path"]) if scope["type"] == "http" else None
        if provider is None:
            await self._app(scope, receive, send)
            return
        fault = self._plan.draw(provider)
        if fault.mode in _STATUS:
            await self._refuse(self._errors[provider], fault, scope, receive, send)
        elif fault.mode is Mode.HANG:
            await until_gone(receive)
        elif fault.mode is Mode.ACCEPT_SILENTLY:
            await self._app(scope, receive, _silent(send, receive))
        elif fault.mode is Mode.SLOW:
            await self._app(scope, receive, _late(send, fault.delay_ms / 1000))
        else:
            await self._app(scope, receive, send)

    async def _refuse(
        self,
        error_of: Callable[[int], ProviderError],
        fault: Fault,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        response = error_of(_STATUS[fault.mode]).response()
        if fault.mode is not Mode.BROKEN:
            response.headers["Retry-After"] = str(fault.retry_after_s)
        await response(scope, receive, send)


def _late(send: Send, seconds: float) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return wrapped


def _silent(send: Send, receive: Receive) -> Send:
    """Pass refusals on; instead of an acceptance wait until the client has given up."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < 400:
            await until_gone(receive)
        await send(message)

    return wrapped


async def until_gone(receive: Receive) -> None:
    """Return when the client has closed the connection; what it still sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass
