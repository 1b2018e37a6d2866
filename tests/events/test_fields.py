"""A schema as people read it: one row a field, those of its parts behind them."""

from shop_events.contracts.catalog import OrderPaid
from shop_events.contracts.identity import ContactChanged
from shop_events.fields import fields
from shop_events.schemas import schema_of


def test_fields_of_parts_follow_the_field_that_has_them() -> None:
    schema = schema_of(OrderPaid)
    found = {field.place: field for field in fields(schema, schema)}
    assert found["lines"].kind == "list of OrderLine"
    assert found["lines[].unit_price"].kind == "Money"
    assert found["lines[].unit_price.currency"].about == "ISO 4217 code"
    assert "minimum" in found["total.amount"].kind
    assert found["paid_at"].kind == "string (format date-time)"
    assert found["lines[].unit_price"].required
    assert not found["lines[].variant_id"].required


def test_what_says_something_about_a_person_is_marked() -> None:
    schema = schema_of(ContactChanged)
    personal = {field.place for field in fields(schema, schema) if field.personal}
    assert {"name", "points[].address", "language"} <= personal
    assert "user_id" not in personal
    channel = next(field for field in fields(schema, schema) if field.place == "points[].channel")
    assert channel.kind == '"email" | "sms"'
