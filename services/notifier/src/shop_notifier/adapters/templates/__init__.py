"""Texts: one folder per kind of notification, in it one per language, in it one template per part.

``subject``, ``text`` and ``html`` make a mail, ``subject`` and ``text`` an inbox entry, ``sms`` a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateError, select_autoescape

from shop_notifier.domain.errors import CannotRender

DEFAULT_LANGUAGE = "en"
_ONE_LINE = {"subject", "sms"}
_FILES = {"subject": "subject.txt", "text": "text.txt", "html": "body.html", "sms": "sms.txt"}


class Templates:
    """Renders texts. HTML is escaped; a name that is not given is an error, never a blank."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("shop_notifier.adapters", "templates"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, kind: str, language: str, content: Mapping[str, Any], *parts: str) -> dict[str, str]:
        """Return the named parts of a kind in a language tag (BCP 47), or the nearest language there is.

        Raises:
            CannotRender: there is no such template, or ``content`` lacks a name it uses.
        """
        try:
            return {part: self._render(kind, language, content, part) for part in parts}
        except TemplateError as error:
            raise CannotRender(kind) from error

    def _render(self, kind: str, language: str, content: Mapping[str, Any], part: str) -> str:
        text = self._template(kind, language, part).render(content)
        return " ".join(text.split()) if part in _ONE_LINE else text.strip() + "\n"

    def _template(self, kind: str, language: str, part: str) -> Template:
        nearest = dict.fromkeys([language, language.partition("-")[0], DEFAULT_LANGUAGE])
        known = [tag for tag in nearest if tag.replace("-", "").isalnum()]
        return self._environment.select_template([f"{kind}/{tag}/{_FILES[part]}" for tag in known])
