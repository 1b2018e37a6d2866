"""Each behaviour is tried with the kit, with one whose transactions all conflict once, and for real."""

from collections.abc import AsyncIterator, Iterator

import pytest

from shop_events.contracts import Event
from tests.events.behaviours.worlds import BrokerWorld, KitWorld, World
from tests.events.conftest import System


@pytest.fixture
async def broker_world(system: System) -> AsyncIterator[BrokerWorld]:
    """Real Kafka and MongoDB."""
    world = BrokerWorld(system)
    yield world
    await world.stop()


@pytest.fixture(params=["kit", "conflicting kit", pytest.param("broker", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> World:
    """What the behaviour is tried in."""
    if request.param == "broker":
        world: World = request.getfixturevalue("broker_world")
        return world
    return KitWorld(conflicts=int(request.param != "kit"))


@pytest.fixture
def own_contracts() -> Iterator[None]:
    """Lets a test declare events; the registry forgets them afterwards."""
    before = dict(Event.registry)
    yield
    Event.registry.clear()
    Event.registry.update(before)
