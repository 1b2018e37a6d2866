"""The inbox is one's own, deliveries are for operators, and only providers are believed about deliveries."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_devstack.sandbox.signatures import load_signing_key, sendgrid_signature, twilio_signature
from shop_notifier.application import dispatch
from shop_notifier.domain.notifications import Channel
from shop_notifier.store.unit_of_work import Transact
from tests.notifier.conftest import queue_orders
from tests.notifier.integration.conftest import AUTH_TOKEN

Database = AsyncDatabase[dict[str, Any]]
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def inbox(client: httpx.AsyncClient, user: str = "usr_1", **query: Any) -> Any:
    answer = await client.get("/v1/notifications", params=query, headers=bearer(user))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def claimed(db: Database, transact: Transact, channel: Channel = Channel.EMAIL) -> str:
    await queue_orders(transact, 1)
    [letter] = await transact(dispatch.claim, channel, 1)
    return letter.notification_id


async def status(db: Database, id: str) -> str:
    found = await db.notifications.find_one({"_id": id})
    assert found is not None
    return str(found["status"])


async def post_sendgrid(
    client: httpx.AsyncClient,
    key: str,
    events: Any,
    at: float | None = None,
    changed: dict[str, str] | None = None,
) -> httpx.Response:
    body = json.dumps(events).encode()
    timestamp = str(int(time.time() if at is None else at))
    headers = {SIGNATURE: sendgrid_signature(load_signing_key(key), timestamp, body), TIMESTAMP: timestamp}
    return await client.post("/v1/webhooks/sendgrid", content=body, headers=headers | (changed or {}))


async def post_twilio(
    client: httpx.AsyncClient, id: str, told: str, signed_for: str = "http://shop.test"
) -> httpx.Response:
    path = f"/v1/webhooks/twilio?notification_id={id}&order_id=ord_1"
    fields = {"MessageSid": "SM1", "MessageStatus": told, "To": "+447700900123", "Empty": ""}
    headers = {
        "X-Twilio-Signature": twilio_signature(AUTH_TOKEN, signed_for + path, fields),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return await client.post(path, content=urlencode(fields), headers=headers)


def mail_event(id: str, told: str, event_id: str = "e1") -> dict[str, Any]:
    return {
        "event": told,
        "sg_event_id": event_id,
        "notification_id": id,
        "email": "ada@example.com",
        "timestamp": int(time.time()),
        "sg_message_id": "m1",
    }


async def test_an_inbox_is_paged_newest_first(client: httpx.AsyncClient, transact: Transact) -> None:
    orders = [(await queue_orders(transact, 1))[0] for _ in range(5)]
    first = await inbox(client, limit=3)
    second = await inbox(client, limit=3, cursor=first["next_cursor"])
    shown = [entry["about"]["order_id"] for entry in first["items"] + second["items"]]
    assert shown == orders[::-1]
    assert (first["unread"], second["next_cursor"]) == (5, None)
    assert "£12.34" in first["items"][0]["body"]


async def test_reading_is_idempotent_and_counts(
    client: httpx.AsyncClient, db: Database, transact: Transact
) -> None:
    await queue_orders(transact, 1)
    id = (await inbox(client))["items"][0]["id"]
    answers = [await client.post(f"/v1/notifications/{id}/read", headers=bearer("usr_1")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["read_at"] == answers[1].json()["read_at"] != None  # noqa: E711
    assert (await inbox(client))["unread"] == 0
    assert await db.outbox.count_documents({"key": id}) == 2


async def test_somebody_elses_entry_is_not_there(
    client: httpx.AsyncClient, db: Database, transact: Transact
) -> None:
    await queue_orders(transact, 1)
    id = (await inbox(client))["items"][0]["id"]
    answer = await client.post(f"/v1/notifications/{id}/read", headers=bearer("usr_2"))
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert await status(db, id) == "delivered"
    assert (await inbox(client, "usr_2"))["items"] == []


async def test_a_mail_is_no_inbox_entry(client: httpx.AsyncClient, db: Database, transact: Transact) -> None:
    id = await claimed(db, transact)
    answer = await client.post(f"/v1/notifications/{id}/read", headers=bearer("usr_1"))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["/v1/notifications", "/v1/deliveries?status=unknown", "/v1/deliveries/summary"]
)
async def test_nothing_is_shown_to_the_unknown(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize("cursor", ["x", "WzFd", "Wzk5OTk5OTk5OTk5OTk5OTk5LCJ4Il0"])
async def test_a_made_up_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/notifications", params={"cursor": cursor}, headers=bearer("usr_1"))
    assert answer.status_code == 400


async def test_operators_see_where_deliveries_are_but_no_address(
    client: httpx.AsyncClient, transact: Transact
) -> None:
    await queue_orders(transact, 3)
    support = bearer("usr_9:support")
    first = await client.get("/v1/deliveries", params={"status": "queued", "limit": 4}, headers=support)
    cursor = first.json()["next_cursor"]
    rest = await client.get("/v1/deliveries", params={"status": "queued", "cursor": cursor}, headers=support)
    items = first.json()["items"] + rest.json()["items"]
    assert len({item["id"] for item in items}) == 6
    assert "example.com" not in first.text
    summary = await client.get("/v1/deliveries/summary", headers=support)
    assert summary.json()["counts"] == [
        {"channel": "email", "status": "queued", "count": 3},
        {"channel": "site", "status": "delivered", "count": 3},
        {"channel": "sms", "status": "queued", "count": 3},
    ]


@pytest.mark.parametrize("path", ["/v1/deliveries?status=unknown", "/v1/deliveries/summary"])
async def test_customers_see_no_deliveries(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path, headers=bearer("usr_1:customer"))).status_code == 403


async def test_a_signed_batch_of_mail_events_is_believed_once(
    client: httpx.AsyncClient, db: Database, transact: Transact, signing_key: str
) -> None:
    id = await claimed(db, transact)
    events = [mail_event(id, "delivered", "e2"), mail_event(id, "processed"), mail_event(id, "open", "e3")]
    for _ in range(2):
        answer = await post_sendgrid(client, signing_key, events)
        assert (answer.status_code, answer.content) == (204, b"")
    assert await status(db, id) == "delivered"
    assert await db.outbox.count_documents({"key": id}) == 2


async def test_mail_events_that_are_forged_stale_or_changed_are_refused(
    client: httpx.AsyncClient, db: Database, transact: Transact, signing_key: str
) -> None:
    id = await claimed(db, transact)
    events = [mail_event(id, "delivered")]
    refused = [
        await client.post("/v1/webhooks/sendgrid", json=events),
        await post_sendgrid(client, signing_key, events, at=time.time() - 700),
        await post_sendgrid(client, signing_key, events, changed={TIMESTAMP: str(int(time.time()) + 1)}),
        await post_sendgrid(client, signing_key, events, changed={SIGNATURE: "AAAA"}),
        await post_sendgrid(client, signing_key, events, changed={SIGNATURE: "no base64"}),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert {answer.headers["content-type"] for answer in refused} == {"application/problem+json"}
    assert await status(db, id) == "sending"


@pytest.mark.parametrize("body", [{}, [1], [{"event": "delivered"}], "x", None])
async def test_signed_nonsense_is_a_bad_request(
    client: httpx.AsyncClient, signing_key: str, body: Any
) -> None:
    answer = await post_sendgrid(client, signing_key, body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_a_body_over_a_mebibyte_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/webhooks/sendgrid", content=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413


async def test_a_signed_status_callback_is_believed(
    client: httpx.AsyncClient, db: Database, transact: Transact
) -> None:
    id = await claimed(db, transact, Channel.SMS)
    for told in ("delivered", "sent", "queued", "delivered"):
        assert (await post_twilio(client, id, told)).status_code == 204
    assert await status(db, id) == "delivered"


async def test_a_callback_signed_for_another_address_is_refused(
    client: httpx.AsyncClient, db: Database, transact: Transact
) -> None:
    id = await claimed(db, transact, Channel.SMS)
    assert (await post_twilio(client, id, "delivered", "http://elsewhere.test")).status_code == 403
    assert await status(db, id) == "sending"


async def test_a_callback_for_another_notification_is_refused(client: httpx.AsyncClient) -> None:
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    signature = twilio_signature(AUTH_TOKEN, "http://shop.test/v1/webhooks/twilio?notification_id=a", fields)
    answer = await client.post(
        "/v1/webhooks/twilio?notification_id=b", data=fields, headers={"X-Twilio-Signature": signature}
    )
    assert answer.status_code == 403


async def test_events_about_strangers_are_accepted_and_ignored(
    client: httpx.AsyncClient, db: Database, signing_key: str
) -> None:
    assert (await post_sendgrid(client, signing_key, [mail_event("ntf_x", "delivered")])).status_code == 204
    assert (await post_twilio(client, "ntf_x", "delivered")).status_code == 204
    assert await db.notifications.count_documents({}) == 0


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert set(paths) >= {"/v1/notifications", "/v1/webhooks/twilio", "/v1/deliveries"}
