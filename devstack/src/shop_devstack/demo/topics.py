"""What went through the topics since the demo began, and how far their readers are, asked of Kafka itself."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import ValidationError

from shop_devstack.demo.errors import NotDrainedError
from shop_events.contracts.analytics import ALERTS, AlertRaised
from shop_events.contracts.catalog import ORDERS, OrderPlaced
from shop_events.contracts.notifier import DeliveryChanged
from shop_events.contracts.session import ACTIVITY, SESSIONS, SessionStarted
from shop_events.dead_letters import GROUP, REASON
from shop_events.envelope import headers_of
from shop_events.kafka import KafkaSettings
from shop_events.topics import SERVICES, TOPICS, dead_letters

_DEAD_LETTERS = frozenset(dead_letters(group) for group in SERVICES)
_POLL_MS = 200
_SHOWN_REASONS = 10


class Topics:
    """Reads everything that is written to the registry's topics from `__aenter__` on.

    Events are counted by reading them, because the difference of two offsets counts the relay's transaction
    markers too.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self.kafka = kafka
        self._consumer = AIOKafkaConsumer(
            **kafka.connection(), group_id=None, enable_auto_commit=False, isolation_level="read_committed"
        )
        self._admin = AIOKafkaAdminClient(**kafka.connection())
        self._partitions = [
            TopicPartition(kafka.named(topic.name), number)
            for topic in TOPICS.values()
            for number in range(topic.partitions)
        ]
        self._after: dict[TopicPartition, int] = {}
        self.counts: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.dead_letters: list[str] = []
        """The first reasons; `counts` has the number."""
        self.placed: dict[str, str] = {}
        """Users by the ids of the orders that they placed meanwhile."""
        self.visitors: set[str] = set()
        """Who came, or told of activity, meanwhile."""
        self.product_mails = 0
        """Suggestions that were mailed meanwhile."""
        self._raised: dict[str, tuple[str, str]] = {}

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        await self._admin.start()
        self._consumer.assign(self._partitions)
        for partition, end in (await self._consumer.end_offsets(self._partitions)).items():
            self._consumer.seek(partition, end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()
        await self._consumer.stop()

    @property
    def raised(self) -> list[tuple[str, str]]:
        """Rules and subjects of the alerts that were raised meanwhile; published again is raised once."""
        return list(self._raised.values())

    @property
    def dead_letter_count(self) -> int:
        """How many events were given up."""
        return sum(self.counts[topic] for topic in _DEAD_LETTERS)

    async def read(self, seconds: float = 30) -> None:
        """Read what is there by now. Raises NotDrainedError when that takes longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                ends = await self._consumer.end_offsets(self._partitions)
                while await self._behind(ends):
                    for records in (await self._consumer.getmany(timeout_ms=_POLL_MS)).values():
                        for record in records:
                            self._take(record)
        except TimeoutError as error:
            raise NotDrainedError(f"The topics could not be read within {seconds:.0f} s") from error

    async def _behind(self, ends: dict[TopicPartition, int]) -> bool:
        for partition, end in ends.items():
            if await self._consumer.position(partition) < end:
                return True
        return False

    def _take(self, record: ConsumerRecord) -> None:
        topic = self.kafka.bare(record.topic)
        self._after[TopicPartition(record.topic, record.partition)] = record.offset + 1
        headers = headers_of(record.headers)
        event_type = headers.get("ce_type", "unknown")
        self.counts[topic] += 1
        self.types[event_type] += 1
        if topic in _DEAD_LETTERS and len(self.dead_letters) < _SHOWN_REASONS:
            self.dead_letters.append(f"{headers.get(GROUP)} gave up on {event_type}: {headers.get(REASON)}")
        if topic == ORDERS and event_type == OrderPlaced.event_type:
            self._note_placed(record.value)
        if topic == ACTIVITY or (topic == SESSIONS and event_type == SessionStarted.event_type):
            self.visitors.add(record.key.decode())
        if event_type == DeliveryChanged.event_type:
            self._note_delivery(record.value)
        if topic == ALERTS and event_type == AlertRaised.event_type:
            self._note_raised(headers.get("ce_id", ""), record.value)

    def _note_placed(self, value: bytes) -> None:
        try:
            event = OrderPlaced.model_validate_json(value)
        except ValidationError:
            return  # its readers will report it as a dead letter
        self.placed[event.order_id] = event.user_id

    def _note_delivery(self, value: bytes) -> None:
        try:
            event = DeliveryChanged.model_validate_json(value)
        except ValidationError:
            return
        self.product_mails += (event.kind, event.channel, event.status) == ("suggestion", "email", "sent")

    def _note_raised(self, event_id: str, value: bytes) -> None:
        try:
            event = AlertRaised.model_validate_json(value)
        except ValidationError:
            return
        self._raised[event_id] = (event.rule, event.subject)

    async def lag(self) -> dict[str, int]:
        """Return by group how many of the events read so far it has not settled.

        A group reads the topics of which it has ever committed an offset.
        """
        behind = {}
        for group in SERVICES:
            committed = await self._committed(group)
            topics = {place.topic for place in committed}
            behind[group] = sum(
                max(0, after - committed.get(place, 0))
                for place, after in self._after.items()
                if place.topic in topics
            )
        return behind

    async def _committed(self, group: str) -> dict[TopicPartition, int]:
        offsets = await self._admin.list_consumer_group_offsets(self.kafka.named(group))
        return {place: found.offset for place, found in offsets.items() if found.offset >= 0}
