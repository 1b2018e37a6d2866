"""Told to misbehave, the sandbox does so, exactly as often and to those requests that it was told."""

import pytest
from python_http_client.exceptions import (
    HTTPError,
    InternalServerError,
    ServiceUnavailableError,
    TooManyRequestsError,
)
from twilio.base.exceptions import TwilioRestException

from shop_devstack.sandbox.faults import Fault, FaultPlan, Mode
from tests.devstack.sandbox.running import Receiver, Sandbox, eventually


def _mail(order_id: str) -> dict[str, object]:
    return {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "shop@example.com"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}],
        "custom_args": {"order_id": order_id},
    }


def _kept(sandbox: Sandbox, order_id: str) -> int:
    return len(sandbox.get("messages", order_id=order_id)["messages"])


@pytest.mark.parametrize(
    ("mode", "error"),
    [("429", TooManyRequestsError), ("500", InternalServerError), ("503", ServiceUnavailableError)],
)
def test_an_error_is_answered_as_often_as_told_and_keeps_nothing(
    sandbox: Sandbox, order_id: str, mode: str, error: type[HTTPError]
) -> None:
    sandbox.fault("sendgrid", mode=mode, count=2)

    for _ in range(2):
        with pytest.raises(error):
            sandbox.mail_client().send(_mail(order_id))
    assert _kept(sandbox, order_id) == 0
    assert sandbox.mail_client().send(_mail(order_id)).status_code == 202
    assert _kept(sandbox, order_id) == 1


def test_429_says_when_to_come_back(sandbox: Sandbox) -> None:
    sandbox.fault("twilio", mode="429", retry_after_s=7)

    with pytest.raises(TwilioRestException) as refused:
        sandbox.sms_client().messages.create(to="+447911123456", from_="+15005550006", body="x")
    assert (refused.value.status, refused.value.code) == (429, 20429)
    assert sandbox.http.get("/2010-04-01/Accounts").headers["Retry-After"] == "7"


def test_a_silent_acceptance_keeps_the_mail_and_tells_of_it(
    sandbox: Sandbox, receiver: Receiver, order_id: str
) -> None:
    sandbox.fault("sendgrid", mode="accept_silently", count=1)
    client = sandbox.mail_client()
    client.client.timeout = 0.3

    with pytest.raises(TimeoutError):
        client.send(_mail(order_id))

    assert _kept(sandbox, order_id) == 1
    eventually(lambda: any(e.get("order_id") == order_id for e in receiver.events("/sendgrid")), "it is told")


def test_a_silent_acceptance_still_refuses(sandbox: Sandbox) -> None:
    sandbox.fault("payments", mode="accept_silently")

    assert sandbox.payments.post("/v1/payment_intents", json={}).status_code == 400


def test_a_hanging_provider_keeps_nothing_and_never_answers(sandbox: Sandbox, order_id: str) -> None:
    sandbox.fault("sendgrid", mode="refuse_connection_or_hang", count=1)
    client = sandbox.mail_client()
    client.client.timeout = 0.3

    with pytest.raises(TimeoutError):
        client.send(_mail(order_id))

    assert _kept(sandbox, order_id) == 0


def test_a_slow_provider_answers_late(sandbox: Sandbox, order_id: str) -> None:
    sandbox.fault("sendgrid", mode="slow", delay_ms=300, count=1)
    client = sandbox.mail_client()
    client.client.timeout = 0.1

    with pytest.raises(TimeoutError):
        client.send(_mail(order_id))

    eventually(lambda: _kept(sandbox, order_id) == 1, "the slow mail is accepted")


def test_a_fault_of_one_provider_leaves_the_others_well(sandbox: Sandbox, order_id: str) -> None:
    sandbox.fault("twilio", mode="500")

    assert sandbox.mail_client().send(_mail(order_id)).status_code == 202


def test_a_reset_ends_a_fault(sandbox: Sandbox, order_id: str) -> None:
    sandbox.fault("sendgrid", mode="503")
    assert sandbox.get("faults")["sendgrid"]["mode"] == "503"

    sandbox.http.delete("/sandbox/faults/sendgrid").raise_for_status()

    assert sandbox.mail_client().send(_mail(order_id)).status_code == 202


@pytest.mark.parametrize(
    ("provider", "fault", "status"),
    [("postmark", {"mode": "429"}, 404), ("sendgrid", {"mode": "418"}, 422), ("sendgrid", {"n": 1}, 422)],
)
def test_an_unknown_provider_or_fault_is_refused(
    sandbox: Sandbox, provider: str, fault: dict[str, object], status: int
) -> None:
    assert sandbox.http.put(f"/sandbox/faults/{provider}", json=fault).status_code == status


def test_a_ratio_hits_the_same_requests_for_the_same_seed() -> None:
    def hits(seed: int) -> list[bool]:
        plan = FaultPlan(("sendgrid",))
        plan.plan("sendgrid", Fault(mode=Mode.BROKEN, ratio=0.3, seed=seed))
        return [plan.draw("sendgrid").mode is Mode.BROKEN for _ in range(1000)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 200 < sum(hits(1)) < 400


def test_a_count_bounds_the_hits_of_a_ratio() -> None:
    plan = FaultPlan(("sendgrid",))
    plan.plan("sendgrid", Fault(mode=Mode.BROKEN, ratio=0.5, count=3))

    assert sum(plan.draw("sendgrid").mode is Mode.BROKEN for _ in range(100)) == 3
    assert plan.faults["sendgrid"].mode is Mode.OK
