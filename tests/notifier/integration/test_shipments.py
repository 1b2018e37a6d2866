"""A parcel becomes one notification on each channel its customer can be reached on, once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_events.contracts.catalog import MovedLine, OrderShipped
from shop_notifier.adapters.templates import Templates
from shop_notifier.application import shipments
from shop_notifier.store.unit_of_work import Transact
from tests.notifier.conftest import contact, order, tell_contact

Database = AsyncDatabase[dict[str, Any]]


def parcel(shipment_id: str = "shp_1", state: str = "fulfilled") -> OrderShipped:
    moved = MovedLine(product_id="prd_1", variant_id="var_1", title="Cup & saucer", quantity=2)
    return OrderShipped.model_validate(
        {
            **order().model_dump(exclude={"paid_at"}),
            "shipment_id": shipment_id,
            "shipped": [moved.model_dump()],
            "carrier": "Royal Mail",
            "state": state,
            "shipped_at": datetime.now(UTC),
        }
    )


async def test_each_parcel_is_told_of_once_on_each_channel(db: Database, transact: Transact) -> None:
    await tell_contact(transact, contact())
    for told in (parcel("shp_1", "paid"), parcel("shp_1", "paid"), parcel("shp_2")):
        await transact(shipments.queue, told)
    found = sorted([(n["about"]["shipment_id"], n["channel"]) async for n in db.notifications.find()])
    assert found == [(id, channel) for id in ("shp_1", "shp_2") for channel in ("email", "site", "sms")]
    [entry] = await db.notifications.find({"channel": "site", "about.shipment_id": "shp_1"}).to_list()
    assert entry["content"]["title"] == "On its way: Cup & saucer"
    assert "Royal Mail is bringing part of your order ord_1" in entry["content"]["body"]
    assert "The rest follows." in entry["content"]["body"]


@pytest.mark.parametrize("more", [True, False])
def test_every_part_says_who_brings_what(more: bool) -> None:
    content = {
        "name": "Ada <3",
        "order_id": "ord_1",
        "carrier": "Royal Mail",
        "lines": [{"title": "Cup & saucer", "quantity": 2}],
        "more_to_come": more,
    }
    said = Templates().render("shipment", "de", content, "subject", "text", "html", "sms")
    assert "2 x Cup & saucer" in said["text"]
    assert "2 x Cup &amp; saucer" in said["html"]
    assert said["sms"] == f"Royal Mail is bringing {'part of ' if more else ''}your order ord_1."
    assert ("The rest follows" in said["text"]) is more
