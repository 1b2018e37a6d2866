"""What the backbone counts. Labels are topics, groups, handlers and outcomes: never a key or an id."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition
from prometheus_client import Counter, Gauge, Histogram

PUBLISHED = Counter("shop_events_published_total", "Records published by the outbox relay", ["topic"])
PUBLISH_SECONDS = Histogram(
    "shop_events_publish_seconds",
    "Time one Kafka transaction of the relay took",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
)
OUTBOX_ROWS = Gauge("shop_events_outbox_rows", "Rows that wait to be published (of the relay that leads)")
OUTBOX_OLDEST_SECONDS = Gauge("shop_events_outbox_oldest_seconds", "Age of the oldest row that waits")
RELAY_LEADS = Gauge("shop_events_relay_leads", "1 while this process publishes the outbox")
OUTBOX_REFUSED = Gauge(
    "shop_events_outbox_refused",
    "1 while the broker takes nothing for a topic, whose rows wait meanwhile",
    ["topic", "reason"],
)
RELAY_FAILURES = Counter("shop_events_relay_failures_total", "Times the relay had to start again", ["reason"])
HANDLED = Counter("shop_events_handled_total", "What became of consumed events", ["group", "type", "outcome"])
BATCH_SECONDS = Histogram("shop_events_batch_seconds", "Time one batch took, transaction included", ["group"])
AGE_SECONDS = Histogram(
    "shop_events_age_seconds",
    "Age of an event when it was handled",
    ["group"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
)
BATCH_RETRIES = Counter("shop_events_batch_retries_total", "Times a batch had to wait for MongoDB", ["group"])
LAG = Gauge("shop_events_lag", "Records that were not handled yet, by topic", ["group", "topic"])
LAG_SECONDS = Gauge("shop_events_lag_seconds", "Age of the oldest record that was not handled yet", ["group"])
RETRIES = Counter("shop_events_retries_total", "Times a parked event was tried in vain", ["group"])
PARKED_EVENTS = Gauge("shop_events_parked_events", "Events that failed or wait behind one", ["group"])
PAUSED = Gauge("shop_events_paused", "1 while too much is parked to take more", ["group"])
PARKED_KEYS = Gauge("shop_events_parked_keys", "Keys that wait for a failed event", ["group"])
REBALANCES = Counter("shop_events_rebalances_total", "Times partitions were assigned anew", ["group"])
CONSUMER_FAILURES = Counter(
    "shop_events_consumer_failures_total", "Times the consumer had to start again", ["group", "reason"]
)


def published(topics: Iterable[str]) -> None:
    """Count records that are visible in their topics now, given the topic of each."""
    for topic, count in Tally(topics).items():
        PUBLISHED.labels(topic).inc(count)


def lag(
    group: str,
    unfetched: Mapping[TopicPartition, int],
    unfinished: Mapping[TopicPartition, int],
    oldest: int | None,
) -> None:
    """Tell how far a group member is behind, per topic, given what its partitions still hold.

    Args:
        group: the consumer group.
        unfetched: records that were not fetched yet, per partition.
        unfinished: records that were fetched and are not handled yet.
        oldest: time of the oldest of those, in milliseconds since 1970.
    """
    topics: Tally[str] = Tally()
    for counts in (unfetched, unfinished):
        for place, count in counts.items():
            topics[place.topic] += count
    for topic, count in topics.items():
        LAG.labels(group, topic).set(count)
    LAG_SECONDS.labels(group).set(0.0 if oldest is None else max(time.time() - oldest / 1000, 0.0))


def forget_lag(group: str) -> None:
    """Tell nothing about partitions that others have from now on."""
    LAG_SECONDS.labels(group).set(0.0)
    for labels in [labels for labels in LAG._metrics if labels[0] == group]:
        LAG.remove(*labels)
