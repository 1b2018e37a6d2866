"""What is handed to a provider, what can come of it, and what is expected of the outside for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A notification made ready for one address.

    Args:
        address: where to; never logged.
        text: the plain text.
        tags: the notification's id and what it is about; the provider gives them back in its webhooks.
        subject, html, headers: of a mail.
    """

    address: str = field(repr=False)
    text: str = field(repr=False)
    tags: Mapping[str, str]
    subject: str = ""
    html: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it."""

    provider_id: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider looked at it and will not have it; sending it again would not help."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """It certainly was not taken: the provider has too much to do, or was not reached.

    Args:
        reason: a word for logs and metrics.
        retry_after: seconds the provider asks for, None when it did not say.
    """

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """It may have been taken or not."""

    reason: str


Outcome = Accepted | Refused | NotTaken | Lost


class Provider(Protocol):
    """Sends messages of one channel."""

    async def send(self, message: Message) -> Outcome:
        """Send once, without any retry, within a bounded time. Never raises for what a provider does."""


class Links(Protocol):
    """Makes and reads the links by which people unsubscribe."""

    def link(self, user_id: str, mailing_list: str) -> str:
        """Return the address that takes a user off a list."""

    def read(self, token: str) -> tuple[str, str]:
        """Return whom a link's token takes off which list.

        Raises:
            UnknownLink: it was not made here.
        """


class Seals(Protocol):
    """Seals what must wait in the database and may not be read there."""

    def seal(self, texts: Mapping[str, str]) -> bytes:
        """Return what only :meth:`open` can read."""

    def open(self, sealed: bytes) -> dict[str, str] | None:
        """Return what was sealed; None when it cannot be opened any more."""


class Texts(Protocol):
    """Puts notifications into words."""

    def render(self, kind: str, language: str, content: Mapping[str, Any], *parts: str) -> dict[str, str]:
        """Return the named parts (``subject``, ``text``, ``html``, ``sms``) of a kind of notification.

        Raises:
            CannotRender: there are no words for it.
        """
