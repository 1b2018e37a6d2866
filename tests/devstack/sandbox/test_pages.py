"""The sandbox shows people, tests and the demo what it received."""

import pytest
from pydantic import ValidationError

from shop_devstack.sandbox.settings import SandboxSettings
from shop_devstack.sandbox.webhooks import retry_delay_ms
from tests.devstack.sandbox.running import Receiver, Sandbox

SCRIPT = "<script>alert(1)</script>"


def _send(sandbox: Sandbox, order_id: str, subject: str = "Hello") -> str:
    body = {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "shop@example.com"},
        "subject": subject,
        "content": [{"type": "text/html", "value": f"<h1>Thank you</h1>{SCRIPT}"}],
        "custom_args": {
            "order_id": order_id,
            "notification_id": f"ntf_{order_id}",
            "total_minor": "12345",
            "currency": "GBP",
            "total": "£123.45",
        },
    }
    return f"{sandbox.mail_client().send(body).headers['X-Message-Id']}.0"


def test_receipts_are_counted_by_order_and_channel(
    sandbox: Sandbox, receiver: Receiver, order_id: str
) -> None:
    _send(sandbox, order_id)
    _send(sandbox, order_id)
    sandbox.sms_client().messages.create(
        to="+447911123456",
        from_="+15005550006",
        body="Thank you",
        status_callback=f"{receiver.url}/twilio?order_id={order_id}&notification_id=n",
    )

    receipt = sandbox.get("receipts")["orders"][order_id]
    assert (receipt["email"]["count"], receipt["sms"]["count"]) == (2, 1)
    assert (receipt["email"]["total_minor"], receipt["email"]["currency"]) == (12345, "GBP")
    assert receipt["email"]["total"] == "£123.45"
    (first, second) = sandbox.get("messages", channel="email", order_id=order_id)["messages"]
    assert receipt["email"]["accepted_at"] == first["accepted_at"] <= second["accepted_at"]


def test_messages_are_paged_in_the_order_they_came(sandbox: Sandbox, order_id: str) -> None:
    sent = [_send(sandbox, order_id) for _ in range(3)]

    page = sandbox.get("messages", order_id=order_id, limit=2)
    rest = sandbox.get("messages", order_id=order_id, limit=2, after=page["next"])

    assert [message["id"] for message in page["messages"] + rest["messages"]] == sent
    assert rest["next"] is None


def test_the_page_escapes_what_was_sent(sandbox: Sandbox, order_id: str) -> None:
    message_id = _send(sandbox, order_id, subject=SCRIPT)

    for path in ("/sandbox", f"/sandbox/messages/{message_id}/page"):
        page = sandbox.http.get(path).raise_for_status()
        assert SCRIPT not in page.text
        assert "&lt;script&gt;" in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_the_page_writes_amounts_as_people_do(sandbox: Sandbox) -> None:
    body = {"amount": 123456, "currency": "gbp", "payment_method": "pm_card_visa"}
    sandbox.payments.post("/v1/payment_intents", json=body).raise_for_status()
    assert "£1,234.56" in sandbox.http.get("/sandbox").text


def test_a_mail_is_rendered_where_it_can_run_nothing(sandbox: Sandbox, order_id: str) -> None:
    message_id = _send(sandbox, order_id)

    page = sandbox.http.get(f"/sandbox/messages/{message_id}/page").text
    html = sandbox.http.get(f"/sandbox/messages/{message_id}/html")

    assert f'<iframe sandbox title="The mail" src="/sandbox/messages/{message_id}/html">' in page
    assert "<h1>Thank you</h1>" in html.text
    assert html.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_the_summary_counts_and_clearing_forgets_messages_alone(sandbox: Sandbox, order_id: str) -> None:
    _send(sandbox, order_id)
    body = {"amount": 1, "currency": "gbp", "payment_method": "pm_card_visa"}
    sandbox.payments.post("/v1/payment_intents", json=body).raise_for_status()
    assert sandbox.get("summary")["messages"]["email"]["messages"] >= 1

    sandbox.http.delete("/sandbox/messages").raise_for_status()

    summary = sandbox.get("summary")
    assert summary["messages"] == {}
    assert summary["payments"]["succeeded"] >= 1


def test_the_bare_address_leads_to_the_overview(sandbox: Sandbox) -> None:
    assert sandbox.http.get("/").headers["Location"] == "/sandbox"


def test_an_unknown_message_is_not_found(sandbox: Sandbox) -> None:
    assert sandbox.http.get("/sandbox/messages/none").status_code == 404


def test_mail_events_without_a_key_to_sign_them_are_refused() -> None:
    with pytest.raises(ValidationError, match="SANDBOX_SENDGRID_SIGNING_KEY"):
        SandboxSettings(sandbox_sendgrid_webhook_url="http://127.0.0.1:1/", sandbox_sendgrid_signing_key="")


def test_retries_wait_longer_each_time_up_to_30_seconds() -> None:
    delays = [retry_delay_ms(tries) for tries in range(10)]
    assert delays[:4] == [200, 400, 800, 1600]
    assert delays[-1] == 30_000
