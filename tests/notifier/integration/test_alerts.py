"""Administrators hear of alerts: on the site at once, by mail and message in a digest per rule and window."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts import Fact
from shop_events.contracts.analytics import AlertRaised, AlertResolved, AlertWorsened
from shop_events.contracts.identity import UserChanged
from shop_events.envelope import envelope_for
from shop_notifier.application import alerts, dispatch, people
from shop_notifier.consumers import analytics
from shop_notifier.domain.alerts import MOST_LISTED
from shop_notifier.domain.notifications import Channel
from shop_notifier.domain.policies import Rules
from shop_notifier.domain.sending import Message
from shop_notifier.store.unit_of_work import NotifierUnitOfWork, Transact
from tests.notifier.conftest import contact, tell_contact, transactor

Database = AsyncDatabase[dict[str, Any]]
AT = datetime(2026, 1, 23, 12, tzinfo=UTC)


@pytest.fixture
def impatient(db: Database) -> Transact:
    """Use cases whose window is over at once."""
    return transactor(db, Rules(alert_window=timedelta(0)))


@pytest.fixture
async def administrators(transact: Transact) -> list[str]:
    for id, role in (("usr_a", "administrator"), ("usr_b", "administrator"), ("usr_c", "customer")):
        await tell_user(transact, UserChanged(user_id=id, roles=("customer", role)))
        await tell_contact(transact, contact(id))
    return ["usr_a", "usr_b"]


async def tell_user(transact: Transact, event: UserChanged, sequence: int = 1) -> None:
    async def handle(uow: NotifierUnitOfWork) -> None:
        uow.envelope = replace(envelope_for(Fact(event, sequence), "identity"), sequence=sequence)
        await people.keep_user(uow, event)

    await transact(handle)


def raised(fingerprint: str = "f1", at: datetime = AT, rule: Any = "login-failures") -> AlertRaised:
    return AlertRaised(
        fingerprint=fingerprint,
        rule=rule,
        severity="warning",
        subject=f"user {fingerprint}",
        summary="Many failed logins",
        value=21,
        at=at,
    )


def resolved(fingerprint: str = "f1") -> AlertResolved:
    return AlertResolved(
        fingerprint=fingerprint, rule="login-failures", subject="user f1", raised_at=AT, at=AT
    )


async def found(db: Database) -> dict[tuple[str, str, str], int]:
    rows = [n async for n in db.notifications.find()]
    return dict(Counter((n["user_id"], n["channel"], n["kind"]) for n in rows))


async def letters(transact: Transact, channel: Channel) -> list[Message]:
    claimed = await transact(dispatch.claim, channel, 100)
    assert all(isinstance(letter.message, Message) for letter in claimed)
    return [letter.message for letter in claimed if isinstance(letter.message, Message)]


async def test_each_administrator_and_nobody_else_is_warned_on_every_channel(
    db: Database, transact: Transact, impatient: Transact, administrators: list[str]
) -> None:
    await transact(alerts.warn, raised())
    assert await found(db) == {(id, "site", "alert"): 1 for id in administrators}
    assert await impatient(alerts.send_digest)
    channels = ("email", "site", "sms")
    assert await found(db) == {(id, channel, "alert"): 1 for id in administrators for channel in channels}


async def send_all(transact: Transact) -> int:
    """Queue all digests that are due and return how many there were."""
    count = 0
    while await transact(alerts.send_digest):
        count += 1
    return count


async def test_alerts_of_a_rule_within_the_window_are_one_mail(
    db: Database, transact: Transact, impatient: Transact, administrators: list[str]
) -> None:
    for number in range(3):
        await transact(alerts.warn, raised(f"f{number}"))
    await transact(alerts.warn, raised("g", rule="scraping"))
    assert await send_all(transact) == 0
    assert await send_all(impatient) == 2
    counts = await found(db)
    assert counts["usr_a", "email", "alert"] == counts["usr_a", "sms", "alert"] == 2
    assert counts["usr_a", "site", "alert"] == 4
    mails = {mail.subject: mail for mail in await letters(transact, Channel.EMAIL)}
    assert set(mails) == {"3 alerts: login-failures", "Alert (warning): Many failed logins"}
    digest = mails["3 alerts: login-failures"]
    assert all(f"user f{number}" in digest.text and f"user f{number}" in digest.html for number in range(3))
    messages = sorted(message.text for message in await letters(transact, Channel.SMS))
    assert "3 alerts of rule login-failures" in messages[-1]


async def test_alerts_that_come_while_digests_go_out_are_each_mailed_once(
    db: Database, impatient: Transact, administrators: list[str]
) -> None:
    async def send(times: int) -> None:
        for _ in range(times):
            await impatient(alerts.send_digest)

    await asyncio.gather(send(8), send(8), *(impatient(alerts.warn, raised(f"f{n}")) for n in range(12)))
    await send_all(impatient)
    mails = [
        n["content"]["alerts"] async for n in db.notifications.find({"channel": "email", "user_id": "usr_a"})
    ]
    assert sorted(alert["subject"] for alerts in mails for alert in alerts) == sorted(
        f"user f{n}" for n in range(12)
    )


async def test_an_alert_after_the_digest_went_out_is_in_the_next_one(
    db: Database, impatient: Transact, administrators: list[str]
) -> None:
    for number in range(2):
        await impatient(alerts.warn, raised(f"f{number}"))
        assert await send_all(impatient) == 1
        assert len(await letters(impatient, Channel.EMAIL)) == 2
    assert (await found(db))["usr_a", "email", "alert"] == 2


async def test_a_digest_waits_until_an_administrator_can_be_reached(
    db: Database, transact: Transact, impatient: Transact
) -> None:
    await transact(alerts.warn, raised())
    assert await send_all(impatient) == 0
    await tell_user(transact, UserChanged(user_id="usr_a", roles=("administrator",)))
    assert await send_all(impatient) == 0
    await tell_contact(transact, contact("usr_a"))
    assert await send_all(impatient) == 1
    assert await found(db) == {("usr_a", "email", "alert"): 1, ("usr_a", "sms", "alert"): 1}


async def test_a_digest_does_not_grow_without_end(
    db: Database, transact: Transact, impatient: Transact, administrators: list[str]
) -> None:
    async def many(uow: NotifierUnitOfWork) -> None:
        for number in range(MOST_LISTED + 5):
            await alerts.warn(uow, raised(f"f{number}"))

    await transact(many)
    await send_all(impatient)
    mail = (await letters(transact, Channel.EMAIL))[0]
    assert mail.subject == f"{MOST_LISTED + 5} alerts: login-failures"
    assert "and 5 more" in mail.text


async def test_the_end_of_an_alert_is_told_on_the_site_alone(
    db: Database, transact: Transact, administrators: list[str]
) -> None:
    for _ in range(2):
        await transact(alerts.resolve, resolved())
    assert await found(db) == {(id, "site", "alert-resolved"): 1 for id in administrators}
    entry = await db.notifications.find_one({"user_id": "usr_a"})
    assert entry is not None
    assert entry["content"]["title"] == "Over: login-failures (user f1)"


async def test_an_administrator_without_contact_is_warned_on_the_site(
    db: Database, transact: Transact
) -> None:
    await tell_user(transact, UserChanged(user_id="usr_a", roles=("administrator",)))
    await transact(alerts.warn, raised())
    assert await found(db) == {("usr_a", "site", "alert"): 1}


async def test_who_is_disabled_or_no_administrator_any_more_is_not_warned(
    db: Database, transact: Transact, administrators: list[str]
) -> None:
    await tell_user(transact, UserChanged(user_id="usr_a", roles=("administrator",), status="disabled"), 2)
    await tell_user(transact, UserChanged(user_id="usr_b", roles=("customer",)), 2)
    await transact(alerts.warn, raised())
    assert await found(db) == {}


def test_each_crossing_and_each_step_of_it_counts_once() -> None:
    later = AT + timedelta(hours=1)
    worsened = AlertWorsened(
        **raised().model_dump(exclude={"severity", "at"}), severity="critical", raised_at=AT, at=later
    )
    keys = {
        analytics.alert_raised.effect_key(raised()),
        analytics.alert_raised.effect_key(raised(at=later)),
        analytics.alert_worsened.effect_key(worsened),
        analytics.alert_resolved.effect_key(resolved()),
    }
    assert len(keys) == 4
