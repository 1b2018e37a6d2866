"""Alerts as administrators are told of them: at once on the site, gathered by rule for mail and messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shop_events.contracts.analytics import AlertRaised, AlertResolved, AlertWorsened

RAISED = "alert"
RESOLVED = "alert-resolved"
MOST_LISTED = 50
"""Most alerts that one digest spells out; further ones are only counted."""

Warning = AlertRaised | AlertWorsened


def crossing(event: Warning | AlertResolved) -> str:
    """Return the name of the crossing that an event tells of: the same for raise, worsening and end."""
    began = event.at if isinstance(event, AlertRaised) else event.raised_at
    return f"{event.fingerprint}:{began.isoformat()}"


def described(event: Warning) -> dict[str, Any]:
    """Return what the templates say of one alert."""
    return {
        "severity": event.severity,
        "subject": event.subject,
        "summary": event.summary,
        "value": f"{event.value:g}",
        "at": event.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
    }


def digest_of(rule: str, alerts: Sequence[Mapping[str, Any]], more: int = 0) -> dict[str, Any]:
    """Return what the templates say of alerts of one rule, ``more`` of which are only counted."""
    return {"rule": rule, "alerts": [dict(alert) for alert in alerts], "more": more}
