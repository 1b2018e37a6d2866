"""How long a provider that has too much to do wants to be left alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_LONGEST = 3600.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds asked for, an hour at most; None when nothing usable is said.

    Reads Retry-After as seconds or as a date (RFC 9110, section 10.2.3), else SendGrid's X-RateLimit-Reset,
    the Unix time at which its limit is renewed.
    """
    now = time.time()
    if asked := headers.get("Retry-After"):
        seconds = float(asked) if asked.isdecimal() else _until_date(asked, now)
    elif (reset := headers.get("X-RateLimit-Reset", "")).isdecimal():
        seconds = float(reset) - now
    else:
        seconds = None
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST)


def _until_date(text: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except ValueError:
        return None
