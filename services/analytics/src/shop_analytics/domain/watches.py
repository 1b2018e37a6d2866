"""The rules of suspicion and of trouble, each for one subject, in event time.

A watch takes what happened to its subject and says what that means. It is quiet between a crossing and its
end, so one crossing is one alert. Watches neither read a clock nor write: the same events give the same
verdicts, in whichever batches they come. A crossing is as late as the newest event that made it: one that
arrives late may complete it, and would date it back before the end of the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shop_analytics.domain.buckets import Bucket, Leak
from shop_analytics.domain.verdicts import Crossed, Over, Prolonged, Severity, Verdict, Worsened

LOGIN_LEAK = Leak(5, timedelta(seconds=10))
PAGE_LEAK = Leak(40, timedelta(seconds=0.5))

DECLINES_ALLOWED = 3
DECLINES_WITHIN = timedelta(hours=1)
_MOST_DECLINES = 20
"""Newest ones remembered: enough to know when an hour without any is over."""

MEMORY_LOW, MEMORY_CRITICAL, MEMORY_FINE = 0.10, 0.05, 0.15
MEMORY_LOW_FOR = timedelta(minutes=2)
SILENCE = timedelta(minutes=10)
"""A process that has said nothing for so long is gone, and its shortage with it."""


@dataclass
class LoginWatch:
    """Failed logins of one subject. ``failures`` counts those since the bucket was last empty."""

    bucket: Bucket | None = None
    failures: int = 0
    raised_at: datetime | None = None

    def failed(self, at: datetime) -> list[Verdict]:
        """Take a failed login."""
        verdicts = self._settle(at)
        self.bucket = (self.bucket or Bucket(0, at)).pour(at, LOGIN_LEAK)
        self.failures += 1
        until = self.bucket.empty_at(LOGIN_LEAK)
        if self.raised_at:
            verdicts.append(Prolonged(self.raised_at, until))
        elif self.bucket.is_over(LOGIN_LEAK):
            self.raised_at = self.bucket.at
            verdicts.append(Crossed(self.raised_at, self.failures, until))
        return verdicts

    def succeeded(self, at: datetime) -> list[Verdict]:
        """Take a successful login: after as many failures as a bucket holds, somebody may have guessed."""
        verdicts = self._settle(at)
        if self.failures < LOGIN_LEAK.capacity or self.bucket is None:
            return verdicts
        if self.raised_at:
            verdicts.append(Worsened(self.raised_at, at, self.failures))
        else:
            self.raised_at = max(at, self.bucket.at)
            until = self.bucket.empty_at(LOGIN_LEAK)
            verdicts.append(Crossed(self.raised_at, self.failures, until, "critical"))
        return verdicts

    def _settle(self, at: datetime) -> list[Verdict]:
        """Forget what has leaked by ``at``."""
        if self.bucket is None or self.bucket.level_at(at, LOGIN_LEAK) > 0:
            return []
        over = _over(self.raised_at, self.bucket.empty_at(LOGIN_LEAK))
        self.bucket, self.failures, self.raised_at = None, 0, None
        return over


@dataclass
class DeclineWatch:
    """Declined payments of one user: each once, those of the last hour."""

    declined: dict[str, datetime] = field(default_factory=dict)
    raised_at: datetime | None = None

    def take(self, id: str, at: datetime) -> list[Verdict]:
        """Take a declined payment, known by its attempt or by its order."""
        verdicts: list[Verdict] = []
        if id in self.declined:
            return verdicts
        if self.declined and at >= (over := max(self.declined.values()) + DECLINES_WITHIN):
            verdicts += _over(self.raised_at, over)
            self.raised_at = None
        recent = {key: moment for key, moment in self.declined.items() if moment > at - DECLINES_WITHIN}
        newest = sorted([*recent.items(), (id, at)], key=lambda each: each[1])
        self.declined = dict(newest[-_MOST_DECLINES:])
        last_at = newest[-1][1]
        until = last_at + DECLINES_WITHIN
        if self.raised_at:
            verdicts.append(Prolonged(self.raised_at, until))
        elif len(self.declined) > DECLINES_ALLOWED:
            self.raised_at = last_at
            verdicts.append(Crossed(last_at, len(self.declined), until))
        return verdicts


@dataclass
class ScrapingWatch:
    """Distinct pages of one visitor; a page seen since the bucket was last empty adds nothing."""

    bucket: Bucket | None = None
    pages: list[str] = field(default_factory=list)
    raised_at: datetime | None = None

    def viewed(self, page: str, at: datetime) -> list[Verdict]:
        """Take a page view."""
        verdicts: list[Verdict] = []
        if self.bucket and self.bucket.level_at(at, PAGE_LEAK) == 0:
            verdicts += _over(self.raised_at, self.bucket.empty_at(PAGE_LEAK))
            self.bucket, self.pages, self.raised_at = None, [], None
        if page in self.pages:
            return verdicts
        self.bucket = (self.bucket or Bucket(0, at)).pour(at, PAGE_LEAK)
        self.pages = [*self.pages[-2 * PAGE_LEAK.capacity :], page]
        until = self.bucket.empty_at(PAGE_LEAK)
        if self.raised_at:
            verdicts.append(Prolonged(self.raised_at, until))
        elif self.bucket.is_over(PAGE_LEAK):
            self.raised_at = self.bucket.at
            verdicts.append(Crossed(self.raised_at, len(self.pages), until))
        return verdicts


@dataclass
class MemoryWatch:
    """Available memory of one process, as a ratio of the whole. Samples older than the newest are nothing."""

    seen_at: datetime | None = None
    low_since: datetime | None = None
    raised_at: datetime | None = None
    critical: bool = False

    def sampled(self, available: float, at: datetime) -> list[Verdict]:
        """Take a sample."""
        if self.seen_at and at <= self.seen_at:
            return []
        verdicts = self._after_silence(at)
        self.seen_at = at
        if self.raised_at:
            return [*verdicts, *self._while_raised(self.raised_at, available, at)]
        if available >= MEMORY_LOW:
            self.low_since = None
            return verdicts
        self.low_since = self.low_since or at
        if at - self.low_since >= MEMORY_LOW_FOR:
            self.raised_at, self.critical = at, available < MEMORY_CRITICAL
            severity: Severity = "critical" if self.critical else "warning"
            verdicts.append(Crossed(at, available, at + SILENCE, severity))
        return verdicts

    def _after_silence(self, at: datetime) -> list[Verdict]:
        if self.seen_at is None or at - self.seen_at < SILENCE:
            return []
        over = _over(self.raised_at, self.seen_at + SILENCE)
        self.low_since, self.raised_at, self.critical = None, None, False
        return over

    def _while_raised(self, since: datetime, available: float, at: datetime) -> list[Verdict]:
        if available > MEMORY_FINE:
            self.low_since, self.raised_at, self.critical = None, None, False
            return [Over(since, at)]
        if available < MEMORY_CRITICAL and not self.critical:
            self.critical = True
            return [Prolonged(since, at + SILENCE), Worsened(since, at, available)]
        return [Prolonged(since, at + SILENCE)]


def _over(raised_at: datetime | None, at: datetime) -> list[Verdict]:
    return [Over(raised_at, at)] if raised_at else []
