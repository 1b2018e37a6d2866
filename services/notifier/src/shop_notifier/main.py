"""Composition root: the environment in, the wired service out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from shop_chassis.app import Api
from shop_chassis.jobs import Job
from shop_chassis.service import Runtime, Service
from shop_chassis.supervision import Part
from shop_events.handlers import Subscriptions
from shop_events.read_model import emptied
from shop_events.unit_of_work import Transactor
from shop_notifier.adapters.seals import Seals
from shop_notifier.adapters.sendgrid import SendGrid, SendGridWebhook
from shop_notifier.adapters.templates import Templates
from shop_notifier.adapters.twilio import Twilio, TwilioWebhook
from shop_notifier.adapters.unsubscribe_links import UnsubscribeLinks
from shop_notifier.api import ERRORS, ROUTERS
from shop_notifier.api.stream import Streams
from shop_notifier.application import alerts
from shop_notifier.application.live import Watchers
from shop_notifier.consumers import analytics, catalog, identity
from shop_notifier.domain.notifications import Channel
from shop_notifier.jobs.dispatch import Bell, Dispatcher, Pace
from shop_notifier.jobs.settle import settle
from shop_notifier.settings import NotifierSettings
from shop_notifier.store.inbox_tail import InboxTail
from shop_notifier.store.people import CONTACTS, USERS
from shop_notifier.store.products import PRODUCTS
from shop_notifier.store.schema import migrate
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@dataclass(frozen=True)
class Ports:
    """The outside, as this process reaches it and is reached by it."""

    sendgrid: SendGrid
    twilio: Twilio
    sendgrid_webhook: SendGridWebhook
    twilio_webhook: TwilioWebhook
    watchers: Watchers


NotifierRuntime = Runtime[NotifierSettings, Ports]


def notifier() -> Service[NotifierSettings, Ports]:
    """Return the service; nothing is connected yet."""
    bell = Bell()
    unit_of_work = partial(NotifierUnitOfWork, texts=Templates(), wake=bell.ring)
    return Service(
        settings=NotifierSettings,
        unit_of_work=unit_of_work,
        api=_api,
        subscriptions=Subscriptions.of("notifier", analytics, catalog, identity),
        read_models={name: emptied(name) for name in (CONTACTS, USERS, PRODUCTS)},
        migrate=migrate,
        resources=partial(_ports, unit_of_work),
        jobs=_jobs,
        api_parts=_tail,
        parts=partial(_dispatchers, bell),
    )


def _api(runtime: NotifierRuntime) -> Api:
    ports = runtime.resources
    state = {
        "sendgrid_webhook": ports.sendgrid_webhook,
        "twilio_webhook": ports.twilio_webhook,
        "streams": Streams(ports.watchers, runtime.stopping, runtime.settings.inbox_stream_heartbeat_seconds),
    }
    return Api(ROUTERS, ERRORS, state)


def _tail(runtime: NotifierRuntime) -> list[Part]:
    return [Part("inbox-tail", InboxTail(runtime.db, runtime.resources.watchers.changed).run)]


def _jobs(runtime: NotifierRuntime) -> list[Job]:
    settings = runtime.settings
    every = timedelta(seconds=settings.settle_interval_seconds)
    run = partial(settle, runtime.transact, settings.claims_last, settings.settle_within)
    digests = partial(runtime.transact, alerts.send_digest)
    return [Job("settle", every, run), Job("alert-digests", every, digests)]


def _dispatchers(bell: Bell, runtime: NotifierRuntime) -> list[Part]:
    settings, ports = runtime.settings, runtime.resources
    pace = Pace(settings.send_concurrency, settings.settle_within)
    parts = []
    for channel, provider in ((Channel.EMAIL, ports.sendgrid), (Channel.SMS, ports.twilio)):
        dispatcher = Dispatcher(channel, provider, runtime.transact, pace)
        bell.listen(dispatcher.wake)
        parts.append(Part(f"dispatch-{channel}", dispatcher.run))
    return parts


@asynccontextmanager
async def _ports(
    unit_of_work: Callable[..., NotifierUnitOfWork], runtime: NotifierRuntime
) -> AsyncIterator[Ports]:
    settings = runtime.settings
    # The rules are in the environment, which is not known yet when the service is described.
    links = UnsubscribeLinks(settings.unsubscribe_keys, settings.public_url)
    seals = Seals(settings.unsubscribe_keys)
    ruled = partial(
        unit_of_work, source=settings.service_name, rules=settings.rules, links=links, seals=seals
    )
    runtime.transact = Transactor(runtime.client, runtime.db, ruled)
    token = settings.twilio_auth_token.get_secret_value()
    sendgrid = SendGrid(
        settings.sendgrid_api_key.get_secret_value(),
        settings.sendgrid_base_url,
        settings.mail_from,
        concurrency=settings.send_concurrency,
        timeout=settings.provider_timeout_seconds,
    )
    twilio = Twilio(
        settings.twilio_account_sid,
        token,
        settings.twilio_base_url,
        settings.sms_from,
        settings.public_url,
        concurrency=settings.send_concurrency,
        timeout=settings.provider_timeout_seconds,
    )
    try:
        yield Ports(
            sendgrid,
            twilio,
            SendGridWebhook(settings.sendgrid_webhook_public_key),
            TwilioWebhook(token, settings.public_url),
            Watchers(settings.inbox_streams, settings.inbox_streams_per_user),
        )
    finally:
        sendgrid.close()
        twilio.close()


SERVICE = notifier()
