"""The composition root: settings and a folder in, the sandbox's application out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.requests import ClientDisconnect

from shop_devstack.sandbox import intents, payments, sendgrid, twilio
from shop_devstack.sandbox.faults import FaultGate, FaultPlan
from shop_devstack.sandbox.messages import Messages
from shop_devstack.sandbox.pages import Pages
from shop_devstack.sandbox.payments import Payments
from shop_devstack.sandbox.sendgrid import SendGrid, SendGridError
from shop_devstack.sandbox.settings import SandboxSettings
from shop_devstack.sandbox.signatures import load_signing_key
from shop_devstack.sandbox.store import Store
from shop_devstack.sandbox.twilio import Twilio
from shop_devstack.sandbox.webhooks import Format, MailEvents, PaymentEvents, StatusCallbacks, WebhookSender
from shop_devstack.sandbox.wire import ProviderError

_ERRORS: dict[str, Callable[[int], ProviderError]] = {
    sendgrid.PROVIDER: SendGridError,
    twilio.PROVIDER: twilio.unavailable,
    payments.PROVIDER: intents.plain_error,
}
_PREFIXES = {"/v3/": sendgrid.PROVIDER, f"/{twilio.VERSION}/": twilio.PROVIDER, "/v1/": payments.PROVIDER}


def create_app(settings: SandboxSettings, data: Path) -> FastAPI:
    """Wire the sandbox; it opens its file under `data` when it starts.

    Raises:
        SigningKeyError: SANDBOX_SENDGRID_SIGNING_KEY is not a P-256 key.
    """
    store = Store(data / "sandbox.sqlite3")
    messages = Messages(store)
    sender = WebhookSender(store, _formats(settings))
    plan = FaultPlan(tuple(_ERRORS))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await store.open()
        await sender.start()
        yield
        await sender.stop()
        await store.close()

    app = FastAPI(title="Shopstream provider sandbox", lifespan=lifespan)
    mails = SendGrid(
        store, messages, sender, settings.sendgrid_api_key, settings.sandbox_sendgrid_webhook_url
    )
    charges = Payments(store, sender, settings.payment_api_key, settings.sandbox_payment_webhook_url)
    for part in (mails, Twilio(store, messages, sender, settings), charges):
        app.include_router(part.routes())
    app.include_router(plan.routes())
    app.include_router(Pages(store, messages, sender, plan).routes())
    app.add_route("/", _to_the_overview)
    app.add_exception_handler(ProviderError, _refuse)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_middleware(FaultGate, plan=plan, provider_of=_provider_of, errors=_ERRORS)
    return app


def _formats(settings: SandboxSettings) -> dict[str, Format]:
    formats: dict[str, Format] = {
        twilio.PROVIDER: StatusCallbacks(settings.twilio_auth_token),
        payments.PROVIDER: PaymentEvents(settings.payment_webhook_secret),
    }
    if settings.sandbox_sendgrid_signing_key:
        key = load_signing_key(settings.sandbox_sendgrid_signing_key)
        formats[sendgrid.PROVIDER] = MailEvents(key)
    return formats


def _provider_of(path: str) -> str | None:
    return next((name for prefix, name in _PREFIXES.items() if path.startswith(prefix)), None)


async def _to_the_overview(_: Request) -> Response:
    return RedirectResponse("/sandbox")


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProviderError)
    return error.response()


async def _gone(_: Request, __: Exception) -> Response:
    """Answer a client that hung up while it was still sending; it hears nothing of it."""
    return Response(status_code=499)
