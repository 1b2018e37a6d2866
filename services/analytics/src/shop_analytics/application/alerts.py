"""Alerts: what watches say becomes events, once; what nobody hears of any more is resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from shop_analytics.domain.alerts import Alert, fingerprint
from shop_analytics.domain.verdicts import Rule, Verdict
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.contracts.analytics import AlertRaised
from shop_events.ids import derived_id

RESOLVED_AT_ONCE = 200


async def judge(uow: AnalyticsUnitOfWork, rule: Rule, verdicts: Mapping[str, Sequence[Verdict]]) -> None:
    """Apply what a rule's watches said of each subject."""
    told = {fingerprint(rule, subject): (subject, said) for subject, said in verdicts.items() if said}
    if not told:
        return
    known = await uow.alerts.load(told)
    for name, (subject, said) in told.items():
        alert = known.setdefault(name, Alert(rule, subject))
        for verdict in said:
            alert.apply(verdict)
    await _save(uow, [alert for alert in known.values() if alert.crossing])


async def resolve_lapsed(uow: AnalyticsUnitOfWork, by: datetime) -> int:
    """Resolve alerts of which nothing was heard that lasts beyond ``by``; return how many."""
    lapsed = await uow.alerts.lapsed(by, RESOLVED_AT_ONCE)
    for alert in lapsed:
        assert alert.crossing
        alert.resolve(alert.crossing.raised_at, alert.crossing.until)
    await _save(uow, lapsed)
    return len(lapsed)


async def _save(uow: AnalyticsUnitOfWork, alerts: Sequence[Alert]) -> None:
    await uow.alerts.save(alerts)
    for alert in alerts:
        for fact in alert.facts:
            since = fact.event.at if isinstance(fact.event, AlertRaised) else fact.event.raised_at  # type: ignore[attr-defined]
            uow.publish([fact], derived_id(fact.event.event_type, alert.fingerprint, since.isoformat()))
