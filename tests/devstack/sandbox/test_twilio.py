"""The official SDK sends messages to the sandbox; the sandbox refuses and reports as Twilio does."""

from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from tests.devstack.sandbox import published
from tests.devstack.sandbox.running import ACCOUNT, AUTH_TOKEN, Heard, Receiver, Sandbox, eventually

TO, FROM = "+447911123456", "+15005550006"
SERVICE, TEMPLATE = "MG" + "a" * 32, "HX" + "b" * 32


def _callback(receiver: Receiver, order_id: str) -> str:
    return f"{receiver.url}/twilio?notification_id=ntf_{order_id}&order_id={order_id}"


def _statuses(receiver: Receiver, order_id: str) -> list[Heard]:
    return [each for each in list(receiver.heard) if each.url == _callback(receiver, order_id)]


def test_accepts_a_message_and_shows_whose_it_is(sandbox: Sandbox, receiver: Receiver, order_id: str) -> None:
    message = sandbox.sms_client().messages.create(
        to=TO, from_=FROM, body="Thank you", status_callback=_callback(receiver, order_id)
    )

    assert (message.status, message.account_sid) == ("queued", ACCOUNT)
    (shown,) = sandbox.get("messages", channel="sms", order_id=order_id)["messages"]
    assert (shown["id"], shown["text"]) == (message.sid, "Thank you")
    assert shown["notification_id"] == f"ntf_{order_id}"


def test_a_message_is_delivered_in_time(sandbox: Sandbox) -> None:
    client = sandbox.sms_client()
    sid = client.messages.create(to=TO, from_=FROM, body="Thank you").sid
    assert sid

    eventually(lambda: client.messages(sid).fetch().status == "delivered", "the message is delivered")
    assert client.messages(sid).fetch().date_sent


def test_callbacks_come_in_the_form_and_with_the_signature_the_sdk_expects(
    sandbox: Sandbox, receiver: Receiver, order_id: str
) -> None:
    sandbox.sms_client().messages.create(
        to=TO, from_=FROM, body="Thank you", status_callback=_callback(receiver, order_id)
    )

    eventually(lambda: len(_statuses(receiver, order_id)) == 3, "three statuses are told")
    told = _statuses(receiver, order_id)
    forms = [dict(parse_qsl(each.body.decode())) for each in told]
    assert {form["MessageStatus"] for form in forms} == {"queued", "sent", "delivered"}
    validator = RequestValidator(AUTH_TOKEN)
    assert all(
        validator.validate(each.url, form, each.headers["X-Twilio-Signature"])
        for each, form in zip(told, forms, strict=True)
    )


def test_a_number_that_is_not_reached_ends_undelivered(
    sandbox: Sandbox, receiver: Receiver, order_id: str
) -> None:
    sandbox.sms_client().messages.create(
        to="+15005550010", from_=FROM, body="Hello", status_callback=_callback(receiver, order_id)
    )

    eventually(lambda: len(_statuses(receiver, order_id)) == 3, "three statuses are told")
    last = [
        form
        for each in _statuses(receiver, order_id)
        if "ErrorCode" in (form := parse_qs(each.body.decode()))
    ]
    assert last[0]["MessageStatus"] == ["undelivered"]


def test_accepts_a_whatsapp_template_of_a_service(sandbox: Sandbox) -> None:
    message = sandbox.sms_client().messages.create(
        to=f"whatsapp:{TO}",
        messaging_service_sid=SERVICE,
        from_=f"whatsapp:{FROM}",
        content_sid=TEMPLATE,
        content_variables='{"1": "Ada"}',
    )

    assert sandbox.get(f"messages/{message.sid}")["channel"] == "whatsapp"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "", "from_": FROM, "body": "x"}, 21604),
        ({"to": "07911", "from_": FROM, "body": "x"}, 21211),
        ({"to": "+15005550001", "from_": FROM, "body": "x"}, 21211),
        ({"to": "+15005550004", "from_": FROM, "body": "x"}, 21610),
        ({"to": TO, "body": "x"}, 21603),
        ({"to": TO, "from_": "+1", "body": "x"}, 21212),
        ({"to": TO, "from_": f"whatsapp:{FROM}", "body": "x"}, 21910),
        ({"to": TO, "messaging_service_sid": "MG1", "body": "x"}, 21701),
        ({"to": TO, "from_": FROM}, 21602),
        ({"to": TO, "from_": FROM, "body": "x" * 1601}, 21617),
        ({"to": TO, "from_": FROM, "content_sid": "HX1"}, 21655),
        ({"to": TO, "from_": FROM, "media_url": ["nowhere"]}, 21620),
        ({"to": TO, "from_": FROM, "body": "x", "status_callback": "nowhere"}, 21609),
    ],
)
def test_refuses_with_the_code_of_the_fault(sandbox: Sandbox, fields: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        sandbox.sms_client().messages.create(**fields)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_refuses_a_wrong_token(sandbox: Sandbox) -> None:
    with pytest.raises(TwilioRestException) as refused:
        sandbox.sms_client("other").messages.create(to=TO, from_=FROM, body="x")
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_knows_no_message_that_was_never_sent(sandbox: Sandbox) -> None:
    with pytest.raises(TwilioRestException) as refused:
        sandbox.sms_client().messages("SM" + "0" * 32).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)


@published.needs_schemas
def test_request_and_answer_fit_the_published_schema(sandbox: Sandbox) -> None:
    form: dict[str, Any] = {
        "To": TO,
        "From": FROM,
        "Body": "Hello",
        "MediaUrl": ["https://shop.example/a.png"],
        "StatusCallback": "https://shop.example/status",
        "MessagingServiceSid": SERVICE,
    }
    path = ("paths", "/2010-04-01/Accounts/{AccountSid}/Messages.json", "post", "requestBody")
    schema = ("content", "application/x-www-form-urlencoded", "schema")
    published.validator("twilio_api_v2010.json", *path, *schema).validate(form)

    resource = published.validator(
        "twilio_api_v2010.json", "components", "schemas", "api.v2010.account.message"
    )
    account = f"{sandbox.url}/2010-04-01/Accounts/{ACCOUNT}"
    created = httpx.post(f"{account}/Messages.json", data=form, auth=(ACCOUNT, AUTH_TOKEN)).json()
    resource.validate(created)
    fetched = httpx.get(f"{account}/Messages/{created['sid']}.json", auth=(ACCOUNT, AUTH_TOKEN)).json()
    resource.validate(fetched)
    assert fetched.keys() == created.keys()


@published.needs_schemas
@pytest.mark.parametrize(
    ("name", "value"), [("MessagingServiceSid", "MG1"), ("ContentSid", "HX1"), ("To", None)]
)
def test_what_the_published_schema_refuses_is_refused(sandbox: Sandbox, name: str, value: str | None) -> None:
    form = {"To": TO, "From": FROM, "Body": "Hello", name: value}
    form = {key: text for key, text in form.items() if text is not None}
    path = ("paths", "/2010-04-01/Accounts/{AccountSid}/Messages.json", "post", "requestBody")
    schema = ("content", "application/x-www-form-urlencoded", "schema")

    assert not published.validator("twilio_api_v2010.json", *path, *schema).is_valid(form)
    answer = sandbox.http.post(
        f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", data=form, auth=(ACCOUNT, AUTH_TOKEN)
    )
    assert answer.status_code == 400
