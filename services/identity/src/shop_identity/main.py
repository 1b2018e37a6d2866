"""Composition root of identity: settings in, wired API, jobs and commands out."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from shop_chassis.app import Api
from shop_chassis.service import Command, Runtime, Service
from shop_events.unit_of_work import Transactor
from shop_identity import jobs
from shop_identity.adapters.passwords import PasswordPool
from shop_identity.adapters.signer import Signer
from shop_identity.api import auth, cards, guests, keys, users
from shop_identity.api.errors import ERRORS
from shop_identity.application import keys as key_use_cases
from shop_identity.application import republishing
from shop_identity.application.cards import CardDesk
from shop_identity.application.families import Refreshes
from shop_identity.application.guests import Guests
from shop_identity.application.logins import Logins
from shop_identity.application.registrations import Registrations
from shop_identity.application.throttle import Throttle
from shop_identity.application.tokens import Mint
from shop_identity.application.users import create_administrator
from shop_identity.consumers import SUBSCRIPTIONS
from shop_identity.domain.addresses import email_address
from shop_identity.domain.errors import AddressTaken, AdministratorExists, InvalidField
from shop_identity.domain.pseudonyms import Pseudonyms
from shop_identity.domain.throttling import Limits
from shop_identity.settings import IdentitySettings
from shop_identity.store.failures import FailureStore
from shop_identity.store.guests import Tries
from shop_identity.store.schema import migrate
from shop_identity.store.unit_of_work import IdentityUnitOfWork, utc_now

_PASSWORD_LENGTHS = range(10, 129)


@dataclass(frozen=True)
class Resources:
    """What lives as long as the process."""

    passwords: PasswordPool
    signer: Signer
    registrations: Registrations
    logins: Logins
    refreshes: Refreshes
    guests: Guests
    cards: CardDesk


IdentityRuntime = Runtime[IdentitySettings, Resources]


@asynccontextmanager
async def resources(runtime: IdentityRuntime) -> AsyncIterator[Resources]:
    """Start the pool of hashers and wire the use cases; the first signing key is made here."""
    settings = runtime.settings
    passwords = PasswordPool(settings.identity_hash_workers, settings.identity_hash_queue)
    try:
        made = wired(settings, runtime.transact, runtime.db, passwords)
        await runtime.transact(key_use_cases.tend, made.signer)
        yield made
    finally:
        passwords.close()


def wired(
    settings: IdentitySettings,
    transact: Transactor[IdentityUnitOfWork],
    db: AsyncDatabase[Any],
    passwords: PasswordPool,
    clock: Callable[[], datetime] = utc_now,
) -> Resources:
    """Put the use cases together."""
    signer = Signer(settings.sealing_keys)
    mint = Mint(signer, settings.token_issuer, settings.token_audience)
    pseudonyms = Pseudonyms(settings.identity_hash_key.get_secret_value().encode())
    throttle = Throttle(FailureStore(db), Limits(), clock)
    registrations = Registrations(
        transact,
        passwords,
        throttle,
        pseudonyms,
        allow_test_addresses=settings.identity_allow_test_addresses,
    )
    logins = Logins(transact, passwords, throttle, pseudonyms, mint)
    visitors = Guests(
        transact,
        Tries(db, clock),
        throttle,
        pseudonyms,
        mint,
        allow_test_addresses=settings.identity_allow_test_addresses,
    )
    return Resources(
        passwords,
        signer,
        registrations,
        logins,
        Refreshes(transact, mint),
        visitors,
        CardDesk(transact, pseudonyms),
    )


def api(runtime: IdentityRuntime) -> Api:
    """Return the routes and what they find in the application's state."""
    return api_of(runtime.resources)


def api_of(parts: Resources) -> Api:
    """Return the routes with their dependencies."""
    state = {
        "registrations": parts.registrations,
        "logins": parts.logins,
        "refreshes": parts.refreshes,
        "guests": parts.guests,
        "cards": parts.cards,
    }
    return Api([users.router, cards.router, auth.router, guests.router, keys.router], ERRORS, state)


async def create_admin(runtime: IdentityRuntime, arguments: Namespace) -> int:
    """Make the first administrator; return 1 when that is refused."""
    password = os.environ.get("ADMIN_PASSWORD") or sys.stdin.readline().rstrip("\r\n")
    if len(password) not in _PASSWORD_LENGTHS:
        return _refused("The password must have 10 to 128 characters.")
    try:
        email = email_address(arguments.email, allow_test=runtime.settings.identity_allow_test_addresses)
        password_hash = await runtime.resources.passwords.hash(password)
        user = await runtime.transact(create_administrator, email, password_hash)
    except InvalidField:
        return _refused("This is not an e-mail address.")
    except (AdministratorExists, AddressTaken) as error:
        return _refused(str(error))
    sys.stdout.write(f"{user.id}\n")
    return 0


def _refused(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


def _create_admin_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--email", required=True, help="address to log in with")


SERVICE: Service[IdentitySettings, Resources] = Service(
    settings=IdentitySettings,
    unit_of_work=IdentityUnitOfWork,
    api=api,
    subscriptions=SUBSCRIPTIONS,
    migrate=migrate,
    resources=resources,
    jobs=lambda runtime: jobs.jobs_of(runtime.transact, runtime.resources.signer),
    republish=lambda runtime: republishing.republish(runtime.transact),
    commands=[
        Command(
            "create-admin",
            "make the first administrator; the password comes from ADMIN_PASSWORD or standard input",
            create_admin,
            _create_admin_arguments,
        )
    ],
)
