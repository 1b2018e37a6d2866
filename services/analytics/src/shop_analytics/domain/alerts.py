"""Alerts: raised once per crossing, worse at most once, resolved once. Ids are derived from the crossing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from shop_analytics.domain.verdicts import Crossed, Over, Prolonged, Rule, Severity, Verdict, Worsened
from shop_events.contracts import Aggregate
from shop_events.contracts.analytics import AlertRaised, AlertResolved, AlertWorsened

_SUMMARIES: dict[Rule, str] = {
    "login-failures": "{value:.0f} failed logins in quick succession",
    "card-declines": "{value:.0f} declined payments within an hour",
    "scraping": "{value:.0f} distinct pages in quick succession",
    "low-memory": "{value:.1%} of the memory is available",
}
assert set(_SUMMARIES) == set(get_args(Rule))


def fingerprint(rule: Rule, subject: str) -> str:
    """Return what names an alert: the rule and whom it is about."""
    return f"{rule}:{subject}"


@dataclass(frozen=True, slots=True)
class Crossing:
    """The newest crossing of an alert; ``until`` is when it is over unless more is heard, or when it was."""

    raised_at: datetime
    until: datetime
    severity: Severity
    open: bool

    def covers(self, at: datetime) -> bool:
        """Say whether what begins at ``at`` is this one, or came before it.

        Who reads the topics anew, from where they begin by now, may find a crossing later than it was.
        """
        return at <= self.raised_at or at < self.until


class Alert(Aggregate):
    """What is known of one rule and one subject."""

    def __init__(self, rule: Rule, subject: str, crossing: Crossing | None = None, version: int = 0) -> None:
        super().__init__()
        self.rule = rule
        self.subject = subject
        self.crossing = crossing
        self.version = version

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.rule, self.subject)

    def apply(self, verdict: Verdict) -> None:
        """Take what the watch said. What is known already changes nothing."""
        match verdict:
            case Crossed():
                self._raise(verdict)
            case Worsened(since, at, value):
                self._worsen(since, at, value)
            case Prolonged(since, until):
                if crossing := self._going_on(since):
                    later = max(crossing.until, until)
                    self.crossing = Crossing(since, later, crossing.severity, open=True)
            case Over(since, at):
                self.resolve(since, at)

    def resolve(self, since: datetime, at: datetime) -> None:
        """Say that the crossing of ``since`` is over, if it still went on."""
        if crossing := self._going_on(since):
            self.crossing = Crossing(since, min(at, crossing.until), crossing.severity, open=False)
            event = AlertResolved(
                fingerprint=self.fingerprint, rule=self.rule, subject=self.subject, raised_at=since, at=at
            )
            self.record(event)

    def _raise(self, verdict: Crossed) -> None:
        if self.crossing and self.crossing.covers(verdict.at):
            return
        if self.crossing and self.crossing.open:
            self.resolve(self.crossing.raised_at, verdict.at)
        self.crossing = Crossing(verdict.at, verdict.until, verdict.severity, open=True)
        self.record(
            AlertRaised(
                fingerprint=self.fingerprint,
                rule=self.rule,
                severity=verdict.severity,
                subject=self.subject,
                summary=_SUMMARIES[self.rule].format(value=verdict.value),
                value=verdict.value,
                at=verdict.at,
            )
        )

    def _worsen(self, since: datetime, at: datetime, value: float) -> None:
        crossing = self._going_on(since)
        if crossing is None or crossing.severity == "critical":
            return
        self.crossing = Crossing(since, crossing.until, "critical", open=True)
        self.record(
            AlertWorsened(
                fingerprint=self.fingerprint,
                rule=self.rule,
                severity="critical",
                subject=self.subject,
                summary=_SUMMARIES[self.rule].format(value=value),
                value=value,
                raised_at=since,
                at=at,
            )
        )

    def _going_on(self, since: datetime) -> Crossing | None:
        crossing = self.crossing
        return crossing if crossing and crossing.open and crossing.raised_at == since else None
