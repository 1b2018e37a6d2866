"""Money given back, and goods not taken back, are told of once on each channel."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts import Money
from shop_events.contracts.catalog import MovedLine, OrderRefunded, OrderReturnDeclined
from shop_notifier.adapters.templates import Templates
from shop_notifier.application import refunds
from shop_notifier.store.unit_of_work import Transact
from tests.notifier.conftest import contact, order, tell_contact

Database = AsyncDatabase[dict[str, Any]]

CUP = MovedLine(product_id="prd_1", variant_id="var_1", title="Cup & saucer", quantity=2)


async def test_each_refund_is_told_of_once_with_its_amount(db: Database, transact: Transact) -> None:
    await tell_contact(transact, contact())
    said = order().model_dump(exclude={"paid_at"})
    money = {"amount": Money(amount=500, currency="GBP"), "refunded": Money(amount=900, currency="GBP")}
    refund = OrderRefunded(
        **said, **money, refund_id="ref_1", state="paid", refunded_lines=(CUP,), refunded_at=datetime.now(UTC)
    )
    for _ in range(2):
        await transact(refunds.queue, refund)
    assert await db.notifications.count_documents({"kind": "refund"}) == 3
    [entry] = await db.notifications.find({"channel": "site"}).to_list()
    assert entry["content"]["title"] == "Your refund: £5.00"
    assert "2 x Cup & saucer" in entry["content"]["body"]


async def test_a_return_that_is_declined_is_told_of_once(db: Database, transact: Transact) -> None:
    await tell_contact(transact, contact())
    said = order().model_dump(exclude={"paid_at"})
    refusal = OrderReturnDeclined(
        **said, return_id="rtn_1", declined=(CUP,), state="delivered", declined_at=datetime.now(UTC)
    )
    for _ in range(2):
        await transact(refunds.queue_refusal, refusal)
    assert await db.notifications.count_documents({"kind": "return-declined"}) == 3


@pytest.mark.parametrize("lines", [[], [{"title": "Cup & saucer", "quantity": 2}]])
@pytest.mark.parametrize("kind", ["refund", "return-declined"])
def test_every_part_names_the_order(kind: str, lines: list[dict[str, Any]]) -> None:
    content = {"name": "Ada <3", "order_id": "ord_1", "amount": "£5.00", "lines": lines}
    said = Templates().render(kind, "de", content, "subject", "text", "html", "sms")
    assert all("ord_1" in said[part] for part in ("text", "html", "sms"))
    assert ("2 x Cup &amp; saucer" in said["html"]) is bool(lines)
