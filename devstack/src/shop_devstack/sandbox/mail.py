"""What SendGrid accepts as a mail and what it refuses, in its own words where they are known.

Shapes and bounds are those of its v3 Mail Send API. Not modelled: templates are not rendered, attachments
are only named, and `send_at` is not waited for.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MAX_BODY = 30 * 1024 * 1024
_MAX_RECIPIENTS = 1000
_MAX_CUSTOM_ARGS = 10_000
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"[^@\s<>(),;:\"\[\]\\]{{1,64}}@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]{{1,62}}")
_RESERVED_HEADERS = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
    *("to", "from", "subject", "reply-to", "cc", "bcc"),
}


class MailRefusal(NamedTuple):
    """Why a mail is not accepted, and the dotted path of the field at fault."""

    message: str
    field: str | None


def _address(text: str) -> str:
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise ValueError("Does not contain a valid address.")
    return text


Email = Annotated[str, AfterValidator(_address)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
Category = Annotated[str, StringConstraints(max_length=255)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", populate_by_name=True)


class Address(_Part):
    """A mail address with an optional display name."""

    email: Email
    name: str | None = None


class Personalization(_Part):
    """One envelope: its recipients and what differs for them."""

    to: list[Address] = Field(min_length=1)
    cc: list[Address] = []
    bcc: list[Address] = []
    sender: Address | None = Field(None, alias="from")
    subject: NonEmpty | None = None
    headers: dict[str, str] = {}
    substitutions: dict[str, str] = {}
    dynamic_template_data: dict[str, Any] = {}
    custom_args: dict[str, str] = {}
    send_at: int | None = None

    @property
    def recipients(self) -> list[str]:
        """All addresses of the envelope."""
        return [address.email for address in (*self.to, *self.cc, *self.bcc)]


class Body(_Part):
    """One alternative of the text."""

    type: NonEmpty
    value: NonEmpty


class Attachment(_Part):
    """A file; only its name is kept."""

    content: NonEmpty
    filename: str


class Toggle(_Part):
    """A setting that is on or off."""

    enable: bool = False


class MailSettings(_Part):
    """Of the settings only the one that checks a mail without sending it."""

    sandbox_mode: Toggle = Toggle()


class Mail(_Part):
    """The body of POST /v3/mail/send."""

    personalizations: list[Personalization] = Field(min_length=1, max_length=1000)
    sender: Address = Field(alias="from")
    reply_to: Address | None = None
    reply_to_list: list[Address] = Field([], max_length=1000)
    subject: NonEmpty | None = None
    content: list[Body] = []
    attachments: list[Attachment] = []
    template_id: str | None = None
    headers: dict[str, str] = {}
    categories: list[Category] = Field([], max_length=10)
    custom_args: dict[str, str] = {}
    send_at: int | None = None
    mail_settings: MailSettings = MailSettings()

    def body(self, kind: str) -> str:
        """Return the alternative of a media type, or nothing."""
        return next((body.value for body in self.content if body.type.lower() == kind), "")

    def args(self, personalization: Personalization) -> dict[str, str]:
        """Return the custom arguments of one envelope: its own win over the mail's."""
        return self.custom_args | personalization.custom_args


class MailRefusedError(Exception):
    """The mail has faults; `refusals` names them all."""

    def __init__(self, refusals: list[MailRefusal]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


def parse_mail(raw: bytes) -> Mail:
    """Read a mail.

    Raises:
        MailRefusedError: SendGrid would refuse it.
    """
    try:
        mail = Mail.model_validate_json(raw)
    except ValidationError as error:
        raise MailRefusedError([_in_their_words(detail) for detail in error.errors()[:20]]) from error
    if refusals := list(_refusals(mail)):
        raise MailRefusedError(refusals)
    return mail


_WORDS = {
    "personalizations": "The personalizations field is required and must have at least one personalization.",
    "to": "The to array is required for all personalization objects, and must have at least one email object"
    " with a valid email address.",
    "from": "The from object must be provided for every email send. It is an object that requires the email"
    ' parameter, but may also contain a name parameter.  e.g. {"email" : "example@example.com"}  or'
    ' {"email" : "example@example.com", "name" : "Example Recipient"}.',
    "value": "The content value must be a string at least one character in length.",
    "email": "Does not contain a valid address.",
}


def _in_their_words(detail: Mapping[str, Any]) -> MailRefusal:
    if detail["type"] == "json_invalid":
        return MailRefusal("Bad Request", None)
    path = [str(part) for part in detail["loc"]]
    if detail["type"] == "too_long" and path == ["personalizations"]:
        message = (
            "The personalization block is limited to 1000 personalizations per API request. You have"
            f" provided {detail['ctx']['actual_length']} personalizations. Please consider splitting this"
            " into multiple requests and resending your request."
        )
    else:
        message = _WORDS.get(path[-1], detail["msg"]) if path else "Bad Request"
    return MailRefusal(message, ".".join(path) or None)


def _refusals(mail: Mail) -> Iterator[MailRefusal]:
    yield from _recipient_refusals(mail)
    yield from _text_refusals(mail)
    yield from _header_refusals(mail)


def _recipient_refusals(mail: Mail) -> Iterator[MailRefusal]:
    if sum(len(each.recipients) for each in mail.personalizations) > _MAX_RECIPIENTS:
        yield MailRefusal(
            "There is a limit of 1000 total recipients (to + cc + bcc) per request.", "personalizations"
        )
    for index, each in enumerate(mail.personalizations):
        folded = [email.lower() for email in each.recipients]
        if len(set(folded)) < len(folded):
            twice = next(email for email in folded if folded.count(email) > 1)
            yield MailRefusal(
                "Each email address in the personalization block should be unique between to, cc, and bcc."
                f" We found the first duplicate instance of [{twice}] in the personalizations.{index} field.",
                f"personalizations.{index}",
            )


def _text_refusals(mail: Mail) -> Iterator[MailRefusal]:
    if mail.template_id:
        return
    if not mail.subject and not all(each.subject for each in mail.personalizations):
        yield MailRefusal(
            "The subject is required. You can get around this requirement if you use a template with a"
            " subject defined or if every personalization has a subject defined.",
            "subject",
        )
    kinds = [body.type.lower() for body in mail.content]
    if not kinds:
        yield MailRefusal(
            "Unless a valid template_id is provided, the content parameter is required. There must be at"
            " least one defined content block.",
            "content",
        )
    if len(set(kinds)) < len(kinds):
        yield MailRefusal("The content types must be unique.", "content")
    elif kinds != sorted(kinds, key=_content_order):
        yield MailRefusal(
            "If present, text/plain must be first, followed by text/html, followed by any other content.",
            "content",
        )


def _content_order(kind: str) -> int:
    return {"text/plain": 0, "text/html": 1}.get(kind, 2)


def _header_refusals(mail: Mail) -> Iterator[MailRefusal]:
    places = [("", mail.headers)]
    for index, each in enumerate(mail.personalizations):
        places.append((f"personalizations.{index}.", each.headers))
        if sum(len(name) + len(value) for name, value in mail.args(each).items()) > _MAX_CUSTOM_ARGS:
            yield MailRefusal(
                "The custom arguments are limited to 10000 bytes.", f"personalizations.{index}.custom_args"
            )
    for place, headers in places:
        for name, value in headers.items():
            if name.lower() in _RESERVED_HEADERS or not name.isascii() or "\n" in name + value:
                yield MailRefusal(f"The header {name!r} is reserved or malformed.", f"{place}headers.{name}")
