"""Addresses, numbers, tags and zones have one normal form, or none."""

import pytest

from shop_identity.domain.addresses import email_address, language_tag, login_key, phone_number, time_zone
from shop_identity.domain.errors import InvalidField


def test_an_address_is_unique_whatever_its_case_and_composition() -> None:
    typed = email_address("Zoe\u0308.Ada@Example.COM")
    assert typed.address == "Zo\u00eb.Ada@example.com"
    assert typed.key == email_address("zo\u00eb.ada@example.com").key


@pytest.mark.parametrize("text", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example.test"])
def test_what_mail_cannot_be_sent_to_is_no_address(text: str) -> None:
    with pytest.raises(InvalidField):
        email_address(text)


def test_the_reserved_domain_is_let_in_where_it_is_allowed() -> None:
    assert email_address("ada@example.test", allow_test=True).address == "ada@example.test"


def test_a_login_with_something_else_than_an_address_finds_nobody_and_does_not_fail() -> None:
    assert login_key("Not An Address") == "not an address"


@pytest.mark.parametrize(
    ("typed", "normal"), [("+44 20 7946 0018", "+442079460018"), ("+1 (500) 555-0006", "+15005550006")]
)
def test_a_number_is_kept_as_e164(typed: str, normal: str) -> None:
    assert phone_number(typed) == normal


@pytest.mark.parametrize("text", ["020 7946 0018", "+44", "+999999999999999", "call me"])
def test_a_number_without_country_or_of_impossible_length_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        phone_number(text)


def test_languages_and_zones_are_checked() -> None:
    assert language_tag("pt-BR") == "pt-BR"
    assert time_zone("Europe/Lisbon") == "Europe/Lisbon"
    with pytest.raises(InvalidField):
        language_tag("english please")
    with pytest.raises(InvalidField):
        time_zone("../../etc/passwd")
