"""What a watch says about its subject after an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Rule = Literal["login-failures", "card-declines", "scraping", "low-memory"]
Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True)
class Crossed:
    """The threshold was crossed at ``at``; unless something else is heard it is over at ``until``."""

    at: datetime
    value: float
    until: datetime
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class Worsened:
    """The crossing of ``since`` became critical at ``at``."""

    since: datetime
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Prolonged:
    """The crossing of ``since`` goes on, at least until ``until``."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Over:
    """The crossing of ``since`` was over at ``at``."""

    since: datetime
    at: datetime


Verdict = Crossed | Worsened | Prolonged | Over
