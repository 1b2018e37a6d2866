"""The access list says what the registry says, and lets services do what they do."""

import importlib

import pytest

from shop_analytics.main import STREAMS_GROUP
from shop_events.access import ANALYST, OPERATOR, PRINCIPALS, Grant, Operation, Resource, access_list
from shop_events.topics import SERVICES, TOPICS, Sensitivity, Topic, dead_letters, replay

GRANTS = access_list()
CLOSED = [topic for topic in TOPICS.values() if topic.sensitivity is not Sensitivity.OPEN]


def who(operation: Operation, resource: Resource, name: str) -> set[str]:
    """Return the principals that may do something to exactly this resource."""
    return {
        grant.principal
        for grant in GRANTS
        if (grant.operation, grant.resource) == (operation, resource)
        and (name.startswith(grant.name) if grant.prefixed else name == grant.name)
    }


def readers(topic: str) -> set[str]:
    return who(Operation.READ, Resource.TOPIC, topic)


def writers(topic: str) -> set[str]:
    return who(Operation.WRITE, Resource.TOPIC, topic)


@pytest.mark.parametrize("topic", CLOSED, ids=lambda topic: topic.name)
def test_a_closed_topic_is_read_by_its_named_readers_alone(topic: Topic) -> None:
    named = {OPERATOR if reader == "operators" else reader for reader in topic.readers}
    own = {topic.owner} if "dead-letters" in topic.name else set()
    assert readers(topic.name) == named | own


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_nobody_but_the_owner_writes(topic: Topic) -> None:
    owner = topic.owner
    expected = {"all": set(SERVICES), "operators": {OPERATOR}}.get(owner, {owner})
    if "dead-letters" in topic.name:
        expected = {owner, OPERATOR}
    assert writers(topic.name) == expected


def test_an_open_topic_is_read_by_its_readers_analysts_and_operators() -> None:
    assert readers("catalog.orders.v1") == {"notifier", "analytics", "session", ANALYST, OPERATOR}
    assert ANALYST not in readers("identity.contacts.v1")


def test_an_analyst_reads_and_does_nothing_else() -> None:
    operations = {(grant.operation, grant.resource) for grant in GRANTS if grant.principal == ANALYST}
    assert operations == {(Operation.READ, Resource.TOPIC), (Operation.READ, Resource.GROUP)}
    assert who(Operation.READ, Resource.GROUP, "analyst.me") == {ANALYST}


def test_a_group_and_an_outbox_belong_to_one_service() -> None:
    for service in SERVICES:
        assert who(Operation.READ, Resource.GROUP, service) == {service}
        assert who(Operation.WRITE, Resource.TRANSACTIONAL_ID, f"{service}-outbox") == {service}
    assert who(Operation.READ, Resource.GROUP, STREAMS_GROUP) == {"analytics"}


def test_operators_read_dead_letters_and_ask_for_a_replay_and_see_how_far_groups_are() -> None:
    for service in SERVICES:
        assert OPERATOR in readers(dead_letters(service))
        assert writers(replay(service)) == {OPERATOR}
        assert OPERATOR in who(Operation.DESCRIBE, Resource.GROUP, service)
        assert who(Operation.WRITE, Resource.TRANSACTIONAL_ID, f"{service}-operator") == {OPERATOR}
    assert OPERATOR not in readers("identity.contacts.v1")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_read_what_it_subscribes_to(service: str) -> None:
    subscriptions = importlib.import_module(f"shop_{service}.main").SERVICE.subscriptions
    assert {topic for topic in subscriptions.topics if service not in readers(topic)} == set()
    assert service in who(Operation.READ, Resource.GROUP, subscriptions.group)


def test_only_known_principals_are_granted_anything() -> None:
    assert {grant.principal for grant in GRANTS} == set(PRINCIPALS)
    assert Grant("catalog", Operation.WRITE, Resource.TOPIC, "catalog.orders.v1") in GRANTS
