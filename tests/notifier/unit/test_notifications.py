"""The way of a notification: who may move it, and what others hear of it."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_events.contracts.notifier import DeliveryChanged
from shop_notifier.domain.notifications import Channel, Claim, News, Notification, Status
from shop_notifier.domain.policies import Policy, WhenUnknown

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=30)
RESEND = Policy(WhenUnknown.RESEND, max_attempts=5)
GIVE_UP = Policy(WhenUnknown.GIVE_UP, max_attempts=5)
TOLD = [Status.SENT, Status.FAILED, Status.DELIVERED, Status.BOUNCED]


def queued(channel: Channel = Channel.EMAIL) -> Notification:
    notification = Notification(
        id="ntf_1",
        user_id="usr_1",
        channel=channel,
        kind="receipt",
        about={"order_id": "ord_1"},
        content={},
        created_at=NOW,
        due_at=NOW,
    )
    notification.announce(NOW)
    return notification


def claimed(claim_id: str = "clm_1") -> Notification:
    notification = queued()
    notification.take(Claim(claim_id, NOW))
    return notification


def unknown() -> Notification:
    notification = claimed()
    assert notification.lost("clm_1", "timeout", SOON, NOW)
    return notification


def news(status: Status, event_id: str = "1") -> News:
    return News(event_id, "ntf_1", status)


def heard(notification: Notification) -> list[str]:
    events = [fact.event for fact in notification.facts]
    return [event.status for event in events if isinstance(event, DeliveryChanged)]


def test_what_is_claimed_cannot_be_claimed_again() -> None:
    with pytest.raises(ValueError, match="not queued"):
        claimed().take(Claim("clm_2", NOW))


def test_acceptance_by_the_claim_in_hand_makes_it_sent() -> None:
    notification = claimed()
    assert notification.accepted("clm_1", "SM1", NOW)
    assert (notification.status, notification.provider_id, notification.attempts) == (Status.SENT, "SM1", 1)
    assert heard(notification) == ["queued", "sent"]
    assert notification.version == 2


@pytest.mark.parametrize("report", ["accepted", "refused", "put_back", "lost"])
def test_a_report_of_another_claim_changes_nothing(report: str) -> None:
    notification = claimed("clm_2")
    said = {
        "accepted": lambda: notification.accepted("clm_1", None, NOW),
        "refused": lambda: notification.refused("clm_1", "no", NOW),
        "put_back": lambda: notification.put_back("clm_1", SOON, NOW),
        "lost": lambda: notification.lost("clm_1", "timeout", SOON, NOW),
    }[report]()
    assert not said
    assert notification.status is Status.SENDING
    assert notification.claim == Claim("clm_2", NOW)


def test_what_was_not_taken_goes_back_without_spending_an_attempt_or_telling_anybody() -> None:
    notification = claimed()
    assert notification.put_back("clm_1", SOON, NOW)
    assert (notification.status, notification.attempts, notification.deferrals) == (Status.QUEUED, 0, 1)
    assert notification.due_at == SOON
    assert heard(notification) == ["queued"]


def test_a_late_report_of_the_lost_claim_settles_it() -> None:
    notification = unknown()
    assert notification.accepted("clm_1", "SM1", NOW)
    assert (notification.status, notification.attempts) == (Status.SENT, 1)


def test_an_unknown_outcome_waits_for_its_deadline() -> None:
    assert not unknown().overdue(RESEND, SOON - timedelta(seconds=1))


def test_at_the_deadline_a_receipt_is_sent_again() -> None:
    notification = unknown()
    assert notification.overdue(RESEND, SOON)
    assert (notification.status, notification.claim, notification.due_at) == (Status.QUEUED, None, SOON)
    assert heard(notification) == ["queued", "unknown", "queued"]


def test_at_the_deadline_a_careful_kind_is_given_up() -> None:
    notification = unknown()
    assert notification.overdue(GIVE_UP, SOON)
    assert notification.status is Status.FAILED


def test_sending_again_ends_after_the_last_attempt() -> None:
    notification = queued()
    for attempt in range(RESEND.max_attempts):
        assert notification.status is Status.QUEUED, attempt
        notification.take(Claim(f"clm_{attempt}", NOW))
        notification.lost(f"clm_{attempt}", "timeout", SOON, NOW)
        notification.overdue(RESEND, SOON)
    assert (notification.status, notification.attempts) == (Status.FAILED, 5)


@pytest.mark.parametrize("status", TOLD)
def test_a_webhook_settles_an_unknown_outcome(status: Status) -> None:
    notification = unknown()
    assert notification.hear(news(status), NOW)
    assert (notification.status, notification.settle_by, notification.claim) == (status, None, None)
    assert not notification.accepted("clm_1", "SM1", NOW)


def test_a_webhook_that_overtakes_the_answer_wins() -> None:
    notification = claimed()
    notification.hear(news(Status.DELIVERED), NOW)
    assert not notification.accepted("clm_1", "SM1", NOW)
    assert notification.status is Status.DELIVERED


def test_what_a_webhook_reports_while_it_waits_to_be_sent_again_is_not_sent_again() -> None:
    notification = unknown()
    notification.overdue(RESEND, SOON)
    assert notification.hear(news(Status.DELIVERED), NOW)
    with pytest.raises(ValueError, match="not queued"):
        notification.take(Claim("clm_2", NOW))


@given(st.lists(st.sampled_from(TOLD), min_size=1, max_size=8), st.randoms())
def test_webhooks_in_any_order_and_number_end_the_same(told: list[Status], dice: random.Random) -> None:
    shuffled = told * 2
    dice.shuffle(shuffled)
    first, second = unknown(), unknown()
    for each in told:
        first.hear(news(each), NOW)
    for each in shuffled:
        second.hear(news(each), NOW)
    assert first.status is second.status


@given(st.lists(st.sampled_from(TOLD), max_size=8))
def test_a_delivered_notification_never_goes_back(told: list[Status]) -> None:
    notification = unknown()
    notification.hear(news(Status.DELIVERED), NOW)
    for each in told:
        notification.hear(news(each), NOW)
        assert notification.status in (Status.DELIVERED, Status.BOUNCED)
    assert len(heard(notification)) == len(set(heard(notification))) == notification.version


def test_reading_twice_is_told_once() -> None:
    entry = queued(Channel.SITE)
    assert entry.read(NOW)
    assert not entry.read(SOON)
    assert (entry.status, entry.read_at) == (Status.READ, NOW)
    assert heard(entry) == ["delivered", "read"]
