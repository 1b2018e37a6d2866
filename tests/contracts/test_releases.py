"""Nothing that was released breaks: neither who runs it, nor what it wrote into the topics."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs import generate
from shop_events.envelope import decode, encode
from shop_events.releases import Break, Contracts, Side, breaks, missing_fixtures, read_fixture
from shop_events.schemas import every_event, schemas

RELEASED = generate.HERE / "events" / "released"
FIXTURES = sorted(RELEASED.glob("fixtures/*/*.json"))
ORDER_PAID = "catalog.order.paid.v1"


def in_words(found: list[Break]) -> str:
    return "\n".join(f"{each.subject}: {each.what} ({', '.join(each.readers)})" for each in found)


def test_the_contracts_break_nothing_that_was_released() -> None:
    found = breaks(Contracts.released(RELEASED), Contracts.current())
    assert not found, in_words(found)


def holds(told: Any, kept: Any) -> bool:
    """Say whether ``told`` says all that ``kept`` does; it may say more, in parts of it as well."""
    if isinstance(kept, dict) and isinstance(told, dict):
        return all(name in told and holds(told[name], value) for name, value in kept.items())
    if isinstance(kept, list) and isinstance(told, list):
        return len(told) == len(kept) and all(holds(*pair) for pair in zip(told, kept, strict=True))
    return bool(told == kept)


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_record_of_any_release_still_decodes(file: Path) -> None:
    message = read_fixture(file)
    received = decode(message)
    assert received.envelope.type == file.stem
    again = encode(received.envelope, received.event)
    assert (again.topic, again.key) == (message.topic, message.key)
    if message.value is not None:
        kept, told = json.loads(message.value), json.loads(again.value or b"")
        assert holds(told, kept), "what was said then is said no longer"


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_record_of_any_release_fits_the_committed_schema(file: Path) -> None:
    message = read_fixture(file)
    if message.value is not None:
        schema = schemas()[file.stem]
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
            json.loads(message.value)
        )


def test_every_released_event_has_a_record() -> None:
    assert {file.stem for file in FIXTURES} >= Contracts.released(RELEASED).schemas.keys()


@pytest.mark.parametrize("event", every_event(), ids=lambda event: event.event_type)
def test_a_schema_is_json_schema_2020_12(event: Any) -> None:
    Draft202012Validator.check_schema(schemas()[event.event_type])


def changed(edit: Any, event_type: str = ORDER_PAID) -> list[Break]:
    """Return what an edit of one event's schema breaks."""
    released = Contracts.current()
    schema = json.loads(json.dumps(released.schemas[event_type]))
    edit(schema)
    return breaks(released, Contracts({**released.schemas, event_type: schema}, released.topics))


def the_one(found: list[Break]) -> Break:
    assert len(found) == 1, in_words(found)
    assert found[0].readers == ("notifier", "analytics", "session")
    return found[0]


def test_a_removed_required_field_breaks_the_readers_that_run() -> None:
    def edit(schema: dict[str, Any]) -> None:
        del schema["properties"]["user_id"]
        schema["required"].remove("user_id")

    found = the_one(changed(edit))
    assert found.side is Side.OLD_READERS
    assert "`user_id` is never there" in found.what


def test_a_renamed_field_breaks_both_and_the_new_name_is_guessed() -> None:
    def edit(schema: dict[str, Any]) -> None:
        schema["properties"]["amount_due"] = schema["properties"].pop("total")
        schema["required"][schema["required"].index("total")] = "amount_due"

    old, new = sorted(changed(edit), key=lambda found: found.side, reverse=True)
    assert (old.side, new.side) == (Side.OLD_READERS, Side.NEW_READERS)
    assert "renamed to `amount_due`?" in old.what
    assert "`amount_due` is never there" in new.what


def test_a_removed_optional_field_is_lost_in_silence() -> None:
    found = changed(lambda schema: schema["properties"].pop("category"), "catalog.product.changed.v1")
    assert [each.side for each in found] == [Side.OLD_READERS]
    assert "do not notice" in found[0].what


def test_a_new_required_field_breaks_new_readers_of_old_records() -> None:
    def edit(schema: dict[str, Any]) -> None:
        schema["properties"]["channel"] = {"type": "string"}
        schema["required"].append("channel")

    found = the_one(changed(edit))
    assert found.side is Side.NEW_READERS
    assert "`channel` is never there" in found.what
    assert "in the topic already" in found.what


def test_a_new_optional_field_breaks_nobody() -> None:
    assert not changed(lambda schema: schema["properties"].update(channel={"type": "string"}))


def test_a_new_field_in_a_closed_part_breaks_the_readers_that_run() -> None:
    found = changed(lambda schema: schema["$defs"]["Money"]["properties"].update(vat={"type": "integer"}))
    assert {each.side for each in found} == {Side.OLD_READERS}
    assert {each.place for each in found} == {
        "lines[].unit_price.vat",
        "lines[].line_total.vat",
        "lines[].discount.vat",
        "adjustments[].amount.vat",
        "total.vat",
    }


@pytest.mark.parametrize(
    ("schema", "side", "words"),
    [
        ({"type": "integer"}, Side.BOTH, "may be integer, string is expected"),
        (
            {"type": "string", "maxLength": 10},
            Side.NEW_READERS,
            "has no maxLength, 10 is the maxLength there",
        ),
        ({"type": "string", "pattern": "^x"}, Side.NEW_READERS, "need not fit the pattern"),
        ({"type": "string", "enum": ["a"]}, Side.NEW_READERS, 'may be any string, only "a" are known there'),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            Side.OLD_READERS,
            "may be null, string is expected",
        ),
    ],
)
def test_a_narrower_or_wider_field_breaks_one_side(schema: dict[str, Any], side: Side, words: str) -> None:
    found = changed(lambda whole: whole["properties"].update(user_id=schema))
    assert any(words in each.what for each in found), in_words(found)
    sides = {each.side for each in found}
    assert sides == ({Side.OLD_READERS, Side.NEW_READERS} if side is Side.BOTH else {side})


def test_a_new_value_of_an_enumeration_breaks_the_readers_that_run() -> None:
    def edit(schema: dict[str, Any]) -> None:
        schema["properties"]["channel"]["enum"].append("pigeon")

    found = changed(edit, "notifier.notification.delivery-changed.v1")
    assert [each.side for each in found] == [Side.OLD_READERS]
    assert 'may be "pigeon"' in found[0].what


def test_a_value_that_is_gone_breaks_new_readers_of_old_records() -> None:
    def edit(schema: dict[str, Any]) -> None:
        schema["properties"]["channel"]["enum"].remove("sms")

    found = changed(edit, "notifier.notification.delivery-changed.v1")
    assert [each.side for each in found] == [Side.NEW_READERS]


@pytest.mark.parametrize(
    ("mark", "value", "words"),
    [
        ("x-topic", "catalog.stock.v1", "moves from the topic"),
        ("x-key", "user_id", "its key was order_id"),
        ("x-tombstone", True, "tombstone"),
    ],
)
def test_another_topic_or_key_breaks_everybody(mark: str, value: Any, words: str) -> None:
    found = the_one(changed(lambda schema: schema.update({mark: value})))
    assert found.side is Side.BOTH
    assert words in found.what


@pytest.mark.parametrize(
    ("part", "value"), [("partitions", 12), ("key", "user"), ("kind", "state"), ("owner", "x")]
)
def test_a_topic_keeps_its_partitions_key_kind_and_owner(part: str, value: Any) -> None:
    released = Contracts.current()
    row = {**released.topics["catalog.orders.v1"], part: value}
    found = breaks(released, Contracts(released.schemas, {**released.topics, "catalog.orders.v1": row}))
    assert the_one(found).place == part


def test_an_event_or_topic_that_is_gone_breaks_everybody() -> None:
    released = Contracts.current()
    schemas = {name: schema for name, schema in released.schemas.items() if name != ORDER_PAID}
    assert the_one(breaks(released, Contracts(schemas, released.topics))).side is Side.BOTH
    topics = {name: row for name, row in released.topics.items() if name != "catalog.orders.v1"}
    assert the_one(breaks(released, Contracts(released.schemas, topics))).side is Side.BOTH


def test_a_new_or_changed_event_cannot_be_released_without_a_record_of_it(tmp_path: Path) -> None:
    current = Contracts.current()
    earlier = {name: schema for name, schema in current.schemas.items() if name != ORDER_PAID}
    released = Contracts(earlier, current.topics)
    assert missing_fixtures(released, current, tmp_path) == [ORDER_PAID]
    (tmp_path / f"{ORDER_PAID}.json").write_text("{}")
    assert missing_fixtures(released, current, tmp_path) == []


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    current = Contracts.current()
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "gone.v1.json").write_text("{}")
    current.write(tmp_path)
    assert Contracts.released(tmp_path) == current
