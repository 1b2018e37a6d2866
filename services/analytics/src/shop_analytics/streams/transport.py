"""How Faust reads here: what is committed, from where MongoDB says, in runs of records.

Faust spends about 70 µs on each message on its way to an agent, which is as much as counting an event takes.
So a message of Faust's is a run here: records of one partition that follow each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types.tuples import TP

from shop_events.kafka import KafkaSettings

RUN = 250
"""Most records of a run."""
_BUFFERED_RUNS = 80
"""Of each stream; with runs at their longest, 20,000 records."""


class Runs(DefaultSchedulingStrategy):
    """Hands on runs of records where Faust would single records, topics and partitions in turn."""

    def __init__(self) -> None:
        """Keep nothing."""

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Iterate over the runs of what was fetched."""
        return super().iterate({tp: _runs(fetched) for tp, fetched in records.items()})


def _runs(records: Sequence[Any]) -> list[Any]:
    return [records[start : start + RUN] for start in range(0, len(records), RUN)]


class _Thread(driver.AIOKafkaConsumerThread):
    """Reads what is committed alone: the outbox relay publishes in Kafka transactions, and may abort."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, run: Sequence[Any]) -> Any:
        """Return one message for a run; acknowledged with its last offset, which covers those before."""
        message = super()._to_message(tp, run[-1])
        message.key, message.value = None, run  # type: ignore[assignment]
        return message

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go on where the state in MongoDB stands, whatever Kafka remembers of the group."""
        assert isinstance(self.transport, Transport)
        positions = await self.transport.positions(list(self.assignment()))
        if positions:
            await self.seek_wait(positions)
        return positions


class Transport(driver.Transport):
    """Faust's driver; ``positions`` returns where to go on, once it is set."""

    Consumer = _Consumer
    positions: Callable[[Sequence[TP]], Awaitable[dict[TP, int]]]


def configuration(kafka: KafkaSettings, folder: Path) -> dict[str, Any]:
    """Return what Faust is told; ``folder`` is where it makes directories that it does not need here."""
    hosts = kafka.bootstrap_servers.split(",")
    return {
        "ConsumerScheduler": Runs,
        "broker": [f"kafka://{host.strip()}" for host in hosts],
        "broker_client_id": kafka.client_id,
        "broker_credentials": _credentials(kafka.connection()),
        "broker_session_timeout": 10.0,
        "broker_heartbeat_interval": 2.0,
        "broker_rebalance_timeout": 30.0,
        "broker_commit_interval": 1.0,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": 30_000,
        "stream_buffer_maxsize": _BUFFERED_RUNS,
        "stream_wait_empty": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        "store": "memory://",
        "datadir": folder,  # made, and never written to
        "autodiscover": False,
        "logging_config": None,
    }


def _credentials(connection: Mapping[str, Any]) -> Any:
    context = connection.get("ssl_context")
    if "sasl_mechanism" in connection:
        return faust.SASLCredentials(
            username=connection["sasl_plain_username"],
            password=connection["sasl_plain_password"],
            mechanism=connection["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
