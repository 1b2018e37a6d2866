import time
from collections.abc import Callable

import orjson
import pytest

from shop_catalog.adapters.payment_webhooks import PaymentWebhook
from shop_catalog.domain.errors import ForgedWebhook, MalformedWebhook
from shop_catalog.domain.payments import Captured, Charge, Declined, PaymentEvent
from shop_devstack.sandbox.signatures import payment_signature
from shop_events.contracts import Money
from tests.catalog.conftest import SECRET, payment_event

WEBHOOK = PaymentWebhook(SECRET)
CHARGE = Charge("pay_1", "ord_1", Money(amount=1, currency="GBP"), "pm_card_visa")
BODY = orjson.dumps(payment_event(CHARGE, event_id="evt_1"))


def signed(body: bytes, secret: str = SECRET, age: int = 0) -> str:
    return payment_signature(secret, int(time.time()) - age, body)


def test_a_signed_event_is_believed() -> None:
    assert WEBHOOK.event(BODY, signed(BODY)) == PaymentEvent("evt_1", "ord_1", "pay_1", Captured("pi_pay_1"))


def test_a_failed_payment_says_why() -> None:
    body = orjson.dumps(payment_event(CHARGE, "payment_failed"))
    event = WEBHOOK.event(body, signed(body))
    assert event
    assert event.outcome == Declined("card_declined")


REFUSED: dict[str, Callable[[], str]] = {
    "none": lambda: "",
    "no time": lambda: "v1=" + "0" * 64,
    "no hash": lambda: "t=1,v1=zz",
    "another secret": lambda: signed(BODY, "another secret"),
    "another body": lambda: signed(BODY + b" "),
    "too old": lambda: signed(BODY, age=301),
    "from the future": lambda: signed(BODY, age=-360),
}


@pytest.mark.parametrize("signature", REFUSED.values(), ids=REFUSED)
def test_an_event_that_is_not_freshly_signed_is_refused(signature: Callable[[], str]) -> None:
    with pytest.raises(ForgedWebhook):
        WEBHOOK.event(BODY, signature())


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type": 1}', b'{"type": "payment_intent.succeeded"}'])
def test_a_signed_body_that_is_no_event_is_told_apart(body: bytes) -> None:
    with pytest.raises(MalformedWebhook):
        WEBHOOK.event(body, signed(body))


def test_events_of_other_kinds_are_let_pass() -> None:
    body = b'{"type": "charge.updated", "id": "evt_9"}'
    assert WEBHOOK.event(body, signed(body)) is None
