"""Makes a broker match the registry: its topics, who has a login, and who may do what.

Topics are created, never changed or deleted. Access lists are brought to what the registry says, both ways.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError as KafkaPythonError
from pydantic import SecretStr

from shop_events.access import PRINCIPALS, Grant, Operation, Resource, access_list
from shop_events.kafka import KafkaSettings
from shop_events.topics import TOPICS, Topic

_SCRAM = "SCRAM-SHA-512"
_KNOWN_WITHIN = 15.0
_OPERATIONS = {
    Operation.READ: ACLOperation.READ,
    Operation.WRITE: ACLOperation.WRITE,
    Operation.DESCRIBE: ACLOperation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS: ACLOperation.DESCRIBE_CONFIGS,
}
_RESOURCES = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
}
_OUR_NAMES = frozenset({*PRINCIPALS, *(name.split(".")[0] for name in TOPICS)})


class BrokerRefusedError(Exception):
    """The broker did not take a login or a permission."""


async def ensure_topics(
    kafka: KafkaSettings, topics: Iterable[Topic] | None = None, replication: int = 1
) -> list[str]:
    """Create the topics of the registry that are not there yet and return their names.

    Raises:
        KafkaError: the broker refused one of them for another reason than being there already.
    """
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    try:
        present = set(await admin.list_topics())
        wanted = TOPICS.values() if topics is None else topics
        missing = [topic for topic in wanted if kafka.named(topic.name) not in present]
        if missing:
            await _create(admin, kafka, missing, replication)
        return [kafka.named(topic.name) for topic in missing]
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient, kafka: KafkaSettings, missing: list[Topic], replication: int
) -> None:
    response = await admin.create_topics(
        [NewTopic(kafka.named(t.name), t.partitions, replication, topic_configs=t.config) for t in missing]
    )
    for name, code, *_ in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(name)


def ensure_users(kafka: KafkaSettings, passwords: Mapping[str, SecretStr]) -> None:
    """Give each user of ``passwords`` a SCRAM-SHA-512 login; one that is there gets the new password.

    Raises:
        BrokerRefusedError: it does not take them, or does not know them after a while.
    """
    wanted = [
        UserScramCredentialUpsertion(user, _SCRAM, word.get_secret_value())
        for user, word in passwords.items()
    ]
    with _connected(kafka) as admin:
        for user, problem in admin.alter_user_scram_credentials(wanted).items():
            if problem:
                raise BrokerRefusedError(f"{user}: {problem}")
        _await_known(lambda: admin.describe_user_scram_credentials().keys() >= passwords.keys())


def ensure_access(kafka: KafkaSettings) -> tuple[int, int]:
    """Bring the permissions of this system's principals to what the registry says.

    Others' permissions, and those on names that do not belong to this system, are left alone.

    Returns:
        How many permissions were added, and how many taken away; the broker obeys them by then.

    Raises:
        BrokerRefusedError: it does not take them, or does not obey them after a while.
    """
    wanted = {_acl(grant, kafka) for grant in access_list()}
    with _connected(kafka) as admin:
        present = _ours(admin, kafka)
        missing, stale = list(wanted - present), list(present - wanted)
        if missing and (refused := admin.create_acls(missing)["failed"]):
            raise BrokerRefusedError(f"permissions: {refused[0].__name__}")
        if stale:
            admin.delete_acls(stale)
        _await_known(lambda: _ours(admin, kafka) == wanted)
    return len(missing), len(stale)


@contextmanager
def _connected(kafka: KafkaSettings) -> Iterator[KafkaAdminClient]:
    try:
        with KafkaAdminClient(**kafka.connection()) as admin:
            yield admin
    except KafkaPythonError as error:
        raise BrokerRefusedError(str(error) or type(error).__name__) from error


def _acl(grant: Grant, kafka: KafkaSettings) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if grant.prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        f"User:{grant.principal}",
        "*",
        _OPERATIONS[grant.operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(_RESOURCES[grant.resource], kafka.named(grant.name), pattern),
    )


def _ours(admin: KafkaAdminClient, kafka: KafkaSettings) -> set[Any]:
    everything = ACLFilter(
        None,
        None,
        ACLOperation.ANY,
        ACLPermissionType.ANY,
        ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )
    found, _ = admin.describe_acls(everything)
    return {acl for acl in found if _is_ours(acl, kafka)}


def _is_ours(acl: ACL, kafka: KafkaSettings) -> bool:
    """Say whether it lets one of our principals at something of ours; other prefixes are other systems."""
    name = acl.resource_pattern.resource_name
    first_word = re.split(r"[.-]", kafka.bare(name))[0]
    return (
        acl.principal.removeprefix("User:") in PRINCIPALS
        and name.startswith(kafka.topic_prefix)
        and first_word in _OUR_NAMES
    )


def _await_known(known: Callable[[], bool]) -> None:
    """Wait until the broker has read what the controller wrote: before that it would still refuse."""
    deadline = time.monotonic() + _KNOWN_WITHIN
    while not known():
        if time.monotonic() > deadline:
            raise BrokerRefusedError(f"it does not know them after {_KNOWN_WITHIN:.0f} s")
        time.sleep(0.02)
