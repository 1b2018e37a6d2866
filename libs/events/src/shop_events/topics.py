"""The topic registry: who owns each topic, its key, kind, retention, partitions and readers.

Broker topics, access lists and the documents are made from this table. The number of partitions of a topic
never changes, because that would strand its keys: a topic that outgrows them takes a new version.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

SERVICES = ("catalog", "identity", "session", "notifier", "analytics")


class Kind(StrEnum):
    """What a topic is for: ``state`` keeps the newest record per key, ``log`` keeps all for a while."""

    STATE = "state"
    LOG = "log"
    TELEMETRY = "telemetry"


class Sensitivity(StrEnum):
    """Who may read: open to analysts, personal (named readers only), secret (one reader)."""

    OPEN = "open"
    PERSONAL = "personal"
    SECRET = "secret"


FOREVER = None
_WEEKS = timedelta(weeks=2)


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the registry. ``retention`` is None for topics that keep their records for ever."""

    name: str
    owner: str
    key: str
    kind: Kind
    carries: str
    readers: tuple[str, ...]
    retention: timedelta | None = _WEEKS
    partitions: int = 6
    sensitivity: Sensitivity = Sensitivity.OPEN

    @property
    def config(self) -> dict[str, str]:
        """Broker-side settings of the topic."""
        if self.kind is Kind.STATE:
            compacted = {"cleanup.policy": "compact", "delete.retention.ms": str(_ms(timedelta(days=7)))}
            if self.sensitivity is not Sensitivity.OPEN:
                compacted["max.compaction.lag.ms"] = str(_ms(timedelta(days=1)))
            return compacted
        return {
            "cleanup.policy": "delete",
            "retention.ms": "-1" if self.retention is None else str(_ms(self.retention)),
        }


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


_STATE, _LOG, _TELEMETRY = Kind.STATE, Kind.LOG, Kind.TELEMETRY
_PERSONAL, _SECRET = Sensitivity.PERSONAL, Sensitivity.SECRET
_HOUR = timedelta(hours=1)

_TABLE = (
    Topic("catalog.products.v1", "catalog", "product", _STATE, "the product as others may see it",
          ("session", "notifier", "analytics"), FOREVER),
    Topic("catalog.orders.v1", "catalog", "order", _LOG,
          "placed, payment declined, paid, shipped, delivered, returned, refunded or not, cancelled; with lines",
          ("notifier", "analytics", "session")),
    Topic("catalog.stock.v1", "catalog", "product", _LOG, "low, out, back in stock", ("notifier", "analytics")),
    Topic("catalog.searches.v1", "catalog", "visitor", _LOG, "query, filters, result ids, clicked id",
          ("analytics",)),
    Topic("catalog.reviews.v1", "catalog", "product", _LOG, "what shoppers recommend: ratings and reviews",
          ("analytics", "notifier")),
    Topic("identity.users.v1", "identity", "user", _STATE, "roles, status, segments: ids only", SERVICES, FOREVER),
    Topic("identity.contacts.v1", "identity", "user", _STATE, "contact points, language, time zone, consent",
          ("notifier", "session"), FOREVER, sensitivity=_PERSONAL),
    Topic("identity.payment-methods.v1", "identity", "user", _STATE,
          "provider tokens with brand, last four, expiry", ("catalog", "session"), FOREVER,
          sensitivity=_PERSONAL),
    Topic("identity.links.v1", "identity", "user", _LOG, "codes and links to be mailed", ("notifier",), _HOUR,
          sensitivity=_SECRET),
    Topic("identity.keys.v1", "identity", "kid", _STATE, "public signing keys (JWK)", SERVICES, FOREVER, 1),
    Topic("identity.revocations.v1", "identity", "user or token family", _STATE,
          "the lowest epoch that is still valid", SERVICES, FOREVER, 1),
    Topic("identity.access.v1", "identity", "user, or keyed hash of what was typed", _LOG,
          "login succeeded, failed, token reused", ("session", "analytics", "notifier")),
    Topic("identity.erasures.v1", "identity", "user", _LOG, "who is to be forgotten (ids only)", SERVICES, FOREVER),
    Topic("session.sessions.v1", "session", "visitor", _LOG, "started, linked to a user, ended", ("analytics",)),
    Topic("session.carts.v1", "session", "visitor", _LOG, "changed, abandoned", ("analytics", "notifier")),
    Topic("session.activity.v1", "session", "visitor", _TELEMETRY,
          "page viewed, page engaged, recommendation shown, clicked", ("analytics",)),
    Topic("analytics.suggestions.v1", "analytics", "user", _LOG, "products suggested to a user, and why",
          ("notifier",)),
    Topic("analytics.scores.v1", "analytics", "product", _STATE, "popularity and trend", ("catalog",), FOREVER),
    Topic("analytics.alerts.v1", "analytics", "fingerprint", _LOG, "raised, worsened, resolved",
          ("notifier", "identity")),
    Topic("notifier.deliveries.v1", "notifier", "notification", _LOG,
          "queued, sent, delivered, bounced, failed, unknown, read", ("analytics",)),
    Topic("ops.vitals.v1", "all", "instance", _TELEMETRY, "memory, CPU, event-loop lag, consumer lag",
          ("analytics",), timedelta(days=2)),
    Topic("ops.erasure-reports.v1", "all", "user", _LOG, "this service has forgotten that user", ("identity",)),
)  # fmt: skip


def dead_letters(group: str) -> str:
    """Name of the topic with what ``group`` gave up on."""
    return f"{group}.dead-letters.v1"


def replay(group: str) -> str:
    """Name of the topic with what ``group`` is asked to take again."""
    return f"{group}.replay.v1"


def outbox_transactions(service: str) -> str:
    """``transactional.id`` under which a service's outbox is published."""
    return f"{service}-outbox"


def operator_transactions(group: str) -> str:
    """``transactional.id`` under which operators write to a group's replay and dead-letter topics."""
    return f"{group}-operator"


def _for_group(group: str) -> tuple[Topic, Topic]:
    quarter = timedelta(days=90)
    return (
        Topic(dead_letters(group), group, "as source", _LOG, f"what {group} gave up on, and what was decided about it", ("operators",),
              quarter, 1, _PERSONAL),
        Topic(replay(group), "operators", "as source", _LOG, f"what {group} is asked to take again", (group,),
              _WEEKS, 1, _PERSONAL),
    )  # fmt: skip


TOPICS: dict[str, Topic] = {
    topic.name: topic for topic in (*_TABLE, *(row for group in SERVICES for row in _for_group(group)))
}
"""Every topic there is, by name."""


def declare(*topics: Topic, groups: Iterable[str] = ()) -> list[Topic]:
    """Add the topics of another system than this shop, and those that its consumer groups need.

    Returns:
        All that were added, for :func:`shop_events.admin.ensure_topics`.

    Raises:
        ValueError: one of them is declared already.
    """
    added = [*topics, *(row for group in groups for row in _for_group(group))]
    if taken := TOPICS.keys() & {topic.name for topic in added}:
        raise ValueError(f"declared already: {', '.join(sorted(taken))}")
    TOPICS.update((topic.name, topic) for topic in added)
    return added
