"""The payment provider: charges, holds, refunds, idempotency and signed events."""

import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.devstack.sandbox.running import PAYMENT_SECRET, Receiver, Sandbox, eventually


@pytest.fixture
def payments(sandbox: Sandbox) -> httpx.Client:
    return sandbox.payments


@pytest.fixture
def attempt_id() -> str:
    return f"att_{secrets.token_hex(8)}"


def _intent(attempt_id: str, **changes: Any) -> dict[str, Any]:
    body = {
        "amount": 1999,
        "currency": "gbp",
        "payment_method": "pm_card_visa",
        "metadata": {"order_id": f"ord_of_{attempt_id}", "attempt_id": attempt_id},
    }
    return body | changes


def _events(receiver: Receiver, attempt_id: str) -> list[str]:
    told = receiver.events("/payments")
    return [
        event["type"] for event in told if event["data"]["object"]["metadata"].get("attempt_id") == attempt_id
    ]


def test_a_good_card_is_charged_and_found_by_its_attempt(payments: httpx.Client, attempt_id: str) -> None:
    made = payments.post("/v1/payment_intents", json=_intent(attempt_id))

    assert made.status_code == 200
    assert (made.json()["status"], made.json()["amount_received"]) == ("succeeded", 1999)
    assert payments.get(f"/v1/payment_intents/{made.json()['id']}").json() == made.json()
    listed = payments.get("/v1/payment_intents", params={"metadata[attempt_id]": attempt_id}).json()
    assert listed["data"] == [made.json()]


@pytest.mark.parametrize(("card", "status"), [("visa", 200), ("declined", 402)])
def test_a_kept_card_is_nobody_elses_and_behaves_as_its_kind(
    payments: httpx.Client, attempt_id: str, card: str, status: int
) -> None:
    asked = {"type": "card", "card": {"token": f"tok_{card}"}}
    first, second = (payments.post("/v1/payment_methods", json=asked).json() for _ in range(2))
    assert first["id"] != second["id"]
    assert first["card"]["brand"] == "visa"
    charged = payments.post("/v1/payment_intents", json=_intent(attempt_id, payment_method=first["id"]))
    assert charged.status_code == status
    unknown = payments.post("/v1/payment_methods", json={"type": "card", "card": {"token": "tok_nobody"}})
    assert unknown.status_code == 400


def test_a_declined_card_answers_402_and_is_told(
    payments: httpx.Client, receiver: Receiver, attempt_id: str
) -> None:
    refused = payments.post(
        "/v1/payment_intents", json=_intent(attempt_id, payment_method="pm_card_declined")
    )

    assert refused.status_code == 402
    assert refused.json()["error"]["code"] == "card_declined"
    assert refused.json()["error"]["payment_intent"]["status"] == "requires_payment_method"
    eventually(lambda: _events(receiver, attempt_id) == ["payment_intent.payment_failed"], "it is told")


def test_a_hold_is_captured_in_part_and_then_given_back_once(
    payments: httpx.Client, receiver: Receiver, attempt_id: str
) -> None:
    held = payments.post("/v1/payment_intents", json=_intent(attempt_id, capture_method="manual")).json()
    assert (held["status"], held["amount_capturable"]) == ("requires_capture", 1999)

    path = f"/v1/payment_intents/{held['id']}"
    captured = payments.post(f"{path}/capture", json={"amount_to_capture": 1500}).json()
    assert (captured["status"], captured["amount_received"]) == ("succeeded", 1500)
    assert payments.post(f"{path}/cancel").json()["error"]["code"] == "payment_intent_unexpected_state"

    assert payments.post("/v1/refunds", json={"payment_intent": held["id"], "amount": 500}).is_success
    assert payments.post("/v1/refunds", json={"payment_intent": held["id"]}).json()["amount"] == 1000
    again = payments.post("/v1/refunds", json={"payment_intent": held["id"]})
    assert again.json()["error"]["code"] == "charge_already_refunded"
    expected = sorted(
        ["payment_intent.amount_capturable_updated", "payment_intent.succeeded"] + 2 * ["refund.created"]
    )
    eventually(lambda: sorted(_events(receiver, attempt_id)) == expected, "every step is told")


def test_a_hold_is_cancelled(payments: httpx.Client, attempt_id: str) -> None:
    held = payments.post("/v1/payment_intents", json=_intent(attempt_id, capture_method="manual")).json()

    assert payments.post(f"/v1/payment_intents/{held['id']}/cancel").json()["status"] == "canceled"
    assert payments.post(f"/v1/payment_intents/{held['id']}/capture").status_code == 400


def test_equal_requests_with_one_key_charge_once(payments: httpx.Client, attempt_id: str) -> None:
    def charge(_: int) -> str:
        answer = payments.post(
            "/v1/payment_intents", json=_intent(attempt_id), headers={"Idempotency-Key": attempt_id}
        )
        return str(answer.raise_for_status().json()["id"])

    with ThreadPoolExecutor(20) as pool:
        charged = set(pool.map(charge, range(20)))

    assert len(charged) == 1
    listed = payments.get("/v1/payment_intents", params={"metadata[attempt_id]": attempt_id}).json()
    assert [intent["id"] for intent in listed["data"]] == list(charged)


def test_a_key_is_not_good_for_another_body(payments: httpx.Client, attempt_id: str) -> None:
    key = {"Idempotency-Key": attempt_id}
    payments.post("/v1/payment_intents", json=_intent(attempt_id), headers=key)

    other = payments.post("/v1/payment_intents", json=_intent(attempt_id, amount=1), headers=key)

    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")


def test_parallel_refunds_give_back_no_more_than_was_taken(payments: httpx.Client, attempt_id: str) -> None:
    intent_id = payments.post("/v1/payment_intents", json=_intent(attempt_id)).json()["id"]

    def refund(_: int) -> bool:
        body = {"payment_intent": intent_id, "amount": 1000}
        return payments.post("/v1/refunds", json=body).is_success

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(refund, range(10))) == 1


def test_a_charge_that_is_never_answered_is_made_and_told(
    payments: httpx.Client, receiver: Receiver, attempt_id: str
) -> None:
    body = _intent(attempt_id, payment_method="pm_card_timeout")
    key = {"Idempotency-Key": attempt_id}

    with pytest.raises(httpx.ReadTimeout):
        payments.post("/v1/payment_intents", json=body, headers=key, timeout=0.3)

    eventually(lambda: _events(receiver, attempt_id) == ["payment_intent.succeeded"], "it is told")
    replayed = payments.post("/v1/payment_intents", json=body, headers=key)
    assert (replayed.json()["status"], replayed.headers["Idempotent-Replayed"]) == ("succeeded", "true")


def test_a_charge_that_breaks_leaves_nothing(payments: httpx.Client, attempt_id: str) -> None:
    broken = payments.post("/v1/payment_intents", json=_intent(attempt_id, payment_method="pm_card_error"))

    assert (broken.status_code, broken.json()["error"]["type"]) == (500, "api_error")
    listed = payments.get("/v1/payment_intents", params={"metadata[attempt_id]": attempt_id}).json()
    assert listed["data"] == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": 19.99}, "amount"),
        ({"currency": "pounds"}, "currency"),
        ({"payment_method": "pm_other"}, "payment_method"),
        ({"capture_method": "later"}, "capture_method"),
        ({"metadata": {"order_id": 7}}, "metadata.order_id"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_refuses_a_faulty_charge(
    payments: httpx.Client, attempt_id: str, change: dict[str, Any], param: str
) -> None:
    refused = payments.post("/v1/payment_intents", json=_intent(attempt_id, **change))

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_refuses_a_foreign_key_an_unknown_intent_and_an_unknown_filter(
    sandbox: Sandbox, payments: httpx.Client
) -> None:
    assert sandbox.http.get("/v1/payment_intents").status_code == 401
    assert payments.get("/v1/payment_intents/pi_none").status_code == 404
    assert payments.get("/v1/payment_intents", params={"attempt": "x"}).status_code == 400


def test_events_are_signed_with_the_shared_secret(
    payments: httpx.Client, receiver: Receiver, attempt_id: str
) -> None:
    payments.post("/v1/payment_intents", json=_intent(attempt_id))

    eventually(lambda: _events(receiver, attempt_id), "it is told")
    (heard,) = [each for each in list(receiver.heard) if attempt_id.encode() in each.body]
    stamped, signature = heard.headers["Payment-Signature"].split(",")
    signed = stamped.removeprefix("t=").encode() + b"." + heard.body
    assert signature == "v1=" + hmac.new(PAYMENT_SECRET.encode(), signed, hashlib.sha256).hexdigest()
