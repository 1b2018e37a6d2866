"""Contact data shown so that its owner recognises it and nobody else learns it."""

from __future__ import annotations

_HIDDEN = "…"


def masked_email(address: str) -> str:
    """Return ``j…@e…`` for ``jane@example.com``."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}{_HIDDEN}@{domain[:1]}{_HIDDEN}"


def masked_phone(number: str) -> str:
    """Return ``+44…78`` for ``+442079460178``; of a short number less is shown."""
    if len(number) < 9:
        return _HIDDEN
    return f"{number[:3]}{_HIDDEN}{number[-2:]}"
