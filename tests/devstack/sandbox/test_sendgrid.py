"""The official SDK sends mails to the sandbox; the sandbox refuses and reports as SendGrid does."""

import http.client
from typing import Any

import orjson
import pytest
from python_http_client.exceptions import BadRequestsError, UnauthorizedError
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.mail import (
    Category,
    Content,
    CustomArg,
    Email,
    Header,
    Mail,
    Personalization,
    To,
)

from shop_devstack.sandbox.signatures import verification_key
from tests.devstack.sandbox import published
from tests.devstack.sandbox.running import API_KEY, Receiver, Sandbox, eventually


def _mail(order_id: str, *recipients: str) -> Mail:
    mail = Mail(from_email=Email("shop@example.com", "Shopstream"), subject="Your receipt")
    for number, recipient in enumerate(recipients):
        personalization = Personalization()
        personalization.add_to(To(recipient))
        personalization.add_custom_arg(CustomArg("notification_id", f"ntf_{order_id}_{number}"))
        personalization.add_custom_arg(CustomArg("order_id", order_id))
        personalization.add_custom_arg(CustomArg("total_minor", "12345"))
        personalization.add_custom_arg(CustomArg("currency", "GBP"))
        mail.add_personalization(personalization)
    mail.add_content(Content("text/plain", "Thank you"))
    mail.add_content(Content("text/html", "<p>Thank you</p>"))
    mail.add_header(Header("List-Unsubscribe", "<https://shop.example/u/1>"))
    mail.add_header(Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    mail.add_category(Category("receipt"))
    return mail


def _plain(**changes: Any) -> dict[str, Any]:
    body = {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "shop@example.com"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}],
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def _to(number: int) -> list[dict[str, Any]]:
    return [{"to": [{"email": f"user{n}@example.com"}]} for n in range(number)]


REFUSED_BY_BOTH = {
    "no personalizations": (_plain(personalizations=None), "personalizations"),
    "too many personalizations": (_plain(personalizations=_to(1001)), "personalizations"),
    "no recipient field": (_plain(personalizations=[{}]), "personalizations.0.to"),
    "no sender": (_plain(**{"from": None}), "from"),
    "empty subject": (_plain(subject=""), "subject"),
    "empty text": (_plain(content=[{"type": "text/plain", "value": ""}]), "content.0.value"),
    "eleven categories": (_plain(categories=[str(n) for n in range(11)]), "categories"),
    "long category": (_plain(categories=["x" * 256]), "categories.0"),
    "custom arguments no object": (_plain(custom_args="x"), "custom_args"),
}
REFUSED = REFUSED_BY_BOTH | {
    "no address": (_plain(personalizations=[{"to": [{"email": "ada"}]}]), "personalizations.0.to.0.email"),
    "no content": (_plain(content=None), "content"),
    "html before text": (
        _plain(content=[{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]),
        "content",
    ),
    "custom argument no string": (_plain(custom_args={"n": 1}), "custom_args.n"),
    "custom arguments too long": (
        _plain(custom_args={"n": "x" * 10_000}),
        "personalizations.0.custom_args",
    ),
    "twice the same recipient": (
        _plain(personalizations=[{"to": [{"email": "a@example.com"}, {"email": "A@example.com"}]}]),
        "personalizations.0",
    ),
    "1001 recipients": (
        _plain(personalizations=[{"to": [{"email": f"u{n}@example.com"} for n in range(1001)]}]),
        "personalizations",
    ),
    "reserved header": (_plain(headers={"Reply-To": "x@example.com"}), "headers.Reply-To"),
}


def test_accepts_a_mail_and_shows_what_it_says(sandbox: Sandbox, order_id: str) -> None:
    response = sandbox.mail_client().send(_mail(order_id, "ada@example.com"))

    assert response.status_code == 202
    assert response.body == b""
    (shown,) = sandbox.get("messages", order_id=order_id)["messages"]
    assert shown["id"].startswith(response.headers["X-Message-Id"])
    assert (shown["channel"], shown["recipient"]) == ("email", "ada@example.com")
    assert (shown["total_minor"], shown["currency"]) == (12345, "GBP")
    assert shown["notification_id"] == f"ntf_{order_id}_0"
    assert shown["details"]["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_thousand_personalizations_are_a_thousand_messages(sandbox: Sandbox, order_id: str) -> None:
    sandbox.mail_client().send(_mail(order_id, *(f"user{n}@example.com" for n in range(1000))))

    shown = sandbox.get("messages", order_id=order_id, limit=1000)["messages"]
    assert len({message["notification_id"] for message in shown}) == 1000


def test_a_mail_that_asks_only_to_be_checked_is_not_sent(sandbox: Sandbox, order_id: str) -> None:
    body = _plain(mail_settings={"sandbox_mode": {"enable": True}}, custom_args={"order_id": order_id})

    assert sandbox.mail_client().send(body).status_code == 200
    assert sandbox.get("messages", order_id=order_id)["messages"] == []


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_with_the_field_at_fault(sandbox: Sandbox, case: str) -> None:
    body, field = REFUSED[case]

    with pytest.raises(BadRequestsError) as refused:
        sandbox.mail_client().send(body)
    assert field in [error["field"] for error in refused.value.to_dict["errors"]]


def test_refuses_what_is_not_json(sandbox: Sandbox) -> None:
    answer = sandbox.http.post("/v3/mail/send", content=b"{", headers={"Authorization": f"Bearer {API_KEY}"})

    assert (answer.status_code, answer.json()) == (400, {"errors": [{"message": "Bad Request"}]})


def test_refuses_a_foreign_key(sandbox: Sandbox, order_id: str) -> None:
    with pytest.raises(UnauthorizedError):
        sandbox.mail_client("SG.other").send(_mail(order_id, "ada@example.com"))


def test_refuses_a_body_over_30_mb_before_reading_it(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)
    connection.putrequest("POST", "/v3/mail/send")
    connection.putheader("Authorization", f"Bearer {API_KEY}")
    connection.putheader("Content-Length", str(31 * 1024 * 1024))
    connection.endheaders()

    assert connection.getresponse().status == 413
    connection.close()


def test_events_carry_the_custom_args_and_verify_with_the_sdk(
    sandbox: Sandbox, receiver: Receiver, order_id: str, signing_key: str
) -> None:
    sandbox.mail_client().send(
        _mail(order_id, "ada@example.com", "bounce@example.com", "dropped@example.com")
    )

    def told() -> list[dict[str, Any]]:
        return [event for event in receiver.events("/sendgrid") if event.get("order_id") == order_id]

    eventually(lambda: len(told()) == 5, "all events of three mails are told")
    assert sorted((event["email"], event["event"]) for event in told()) == [
        ("ada@example.com", "delivered"),
        ("ada@example.com", "processed"),
        ("bounce@example.com", "bounce"),
        ("bounce@example.com", "processed"),
        ("dropped@example.com", "dropped"),
    ]
    assert len({event["sg_event_id"] for event in told()}) == 5
    assert all(event["notification_id"].startswith(f"ntf_{order_id}") for event in told())
    verifier = EventWebhook(verification_key(signing_key))
    batches = [each for each in receiver.heard if each.url.endswith("/sendgrid")]
    assert all(
        verifier.verify_signature(
            each.body.decode(),
            each.headers["X-Twilio-Email-Event-Webhook-Signature"],
            each.headers["X-Twilio-Email-Event-Webhook-Timestamp"],
        )
        for each in batches
    )


def test_an_event_is_told_again_until_it_was_heard(
    sandbox: Sandbox, receiver: Receiver, order_id: str
) -> None:
    receiver.refusals = 2

    sandbox.mail_client().send(_mail(order_id, "ada@example.com"))

    def told() -> set[str]:
        return {e["event"] for e in receiver.events("/sendgrid") if e.get("order_id") == order_id}

    eventually(lambda: told() == {"processed", "delivered"}, "events are told after two refusals")


@published.needs_schemas
def test_a_mail_of_the_sdk_fits_the_published_schema(order_id: str) -> None:
    published.mail_body().validate(orjson.loads(orjson.dumps(_mail(order_id, "ada@example.com").get())))


@published.needs_schemas
@pytest.mark.parametrize("case", REFUSED_BY_BOTH)
def test_what_the_published_schema_refuses_is_refused_in_its_error_shape(sandbox: Sandbox, case: str) -> None:
    body, _ = REFUSED_BY_BOTH[case]

    assert not published.mail_body().is_valid(body)
    with pytest.raises(BadRequestsError) as refused:
        sandbox.mail_client().send(body)
    published.validator("tsg_mail_v3.json", "components", "schemas", "ErrorResponse").validate(
        refused.value.to_dict
    )
