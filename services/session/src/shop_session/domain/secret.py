"""The session string: 256 random bits that only the client keeps. Everybody else knows its SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets

_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def new_session_string() -> str:
    """Return a session string: 32 random bytes as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def digest_of(session_string: str) -> str | None:
    """Return what is stored of a session string; None for what cannot be one."""
    if not _FORM.fullmatch(session_string):
        return None
    return hashlib.sha256(session_string.encode()).hexdigest()
