"""E-mail addresses, phone numbers, languages and time zones in their one normal form."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple
from zoneinfo import available_timezones

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from shop_identity.domain.errors import InvalidField

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


class EmailAddress(NamedTuple):
    """An address as mail is sent to it, and the key under which it is unique."""

    address: str
    key: str


def email_address(text: str, *, allow_test: bool = False) -> EmailAddress:
    """Normalise an address: NFC, domain in lower case; its key ignores case altogether.

    RFC 5321 lets local parts differ by case, no provider in use does, and people type them either way.

    Args:
        text: what was typed.
        allow_test: accept the reserved domain ``test`` (RFC 6761) as well.

    Raises:
        InvalidField: it is no address that mail can be sent to.
    """
    try:
        found = validate_email(text, check_deliverability=False, test_environment=allow_test)
    except EmailNotValidError:
        raise InvalidField("email", "This is not an e-mail address.") from None
    return EmailAddress(found.normalized, found.normalized.casefold())


def guest_key(email: EmailAddress) -> str:
    """Return the key of the guest who has an address, apart from who registered with it.

    No login leads there: keys of what was typed are in lower case.
    """
    return f"GUEST {email.key}"


def login_key(text: str) -> str:
    """Return the key of what was typed at a login; of something that is no address, one nobody has."""
    try:
        return email_address(text, allow_test=True).key
    except InvalidField:
        return text.casefold()


def phone_number(text: str) -> str:
    """Return an international number in E.164 form, ``+`` and up to 15 digits.

    Raises:
        InvalidField: it has no country code, or no number of that country is so long.
    """
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        number = phonenumbers.PhoneNumber()
    if not phonenumbers.is_possible_number(number):
        raise InvalidField("phone", "This is not an international phone number (+ and country code).")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def language_tag(text: str) -> str:
    """Return a language tag (BCP 47) such as ``en`` or ``pt-BR``; InvalidField when it has not the form."""
    if not _LANGUAGE.fullmatch(text):
        raise InvalidField("language", "This is not a language tag.")
    return text


def time_zone(text: str) -> str:
    """Return the name of a zone of the IANA database, such as ``Europe/Lisbon``; else InvalidField."""
    if text not in _zones():
        raise InvalidField("time_zone", "This is not a time zone of the IANA database.")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
