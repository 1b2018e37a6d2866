"""Makes the broker's topics match the registry. Creates what is missing, changes and deletes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shop_events.kafka import KafkaSettings
from shop_events.topics import TOPICS, Topic


async def ensure_topics(
    bootstrap_servers: str, prefix: str = "", topics: Iterable[Topic] | None = None, replication: int = 1
) -> list[str]:
    """Create the topics of the registry that are not there yet and return their names.

    Raises:
        KafkaError: the broker refused one of them for another reason than being there already.
    """
    settings = KafkaSettings(bootstrap_servers=bootstrap_servers, topic_prefix=prefix)
    admin = AIOKafkaAdminClient(**settings.connection())
    await admin.start()
    try:
        present = set(await admin.list_topics())
        wanted = TOPICS.values() if topics is None else topics
        missing = [topic for topic in wanted if settings.named(topic.name) not in present]
        if missing:
            await _create(admin, settings, missing, replication)
        return [settings.named(topic.name) for topic in missing]
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, missing: list[Topic], replication: int
) -> None:
    response = await admin.create_topics(
        [NewTopic(settings.named(t.name), t.partitions, replication, topic_configs=t.config) for t in missing]
    )
    for name, code, *_ in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(name)
