"""What a dead letter says of the record it was made of."""

from shop_events.dead_letters import VALUE, letter
from shop_events.envelope import Message
from shop_events.outbox import LARGEST_VALUE


def made_of(topic: str, value: bytes) -> Message:
    return letter(
        Message(topic, "usr_1", {"ce_type": "x"}, value), (topic, 0, 7), "notifier", "ValueError", 3
    )


def test_a_letter_holds_the_record() -> None:
    assert made_of("identity.contacts.v1", b"{}").value == b"{}"


def test_a_letter_holds_no_secret_which_its_topic_keeps_for_an_hour() -> None:
    made = made_of("identity.links.v1", b"{}")
    assert made.value is None
    assert made.headers[VALUE].startswith("secret")


def test_a_letter_holds_nothing_that_is_too_large_for_it() -> None:
    made = made_of("identity.contacts.v1", b"x" * (LARGEST_VALUE + 1))
    assert made.value is None
    assert made.headers[VALUE].startswith("too large")
