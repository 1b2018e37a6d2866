"""Every read model can be rebuilt, or it is written down why not."""

import pytest

from shop_events.rebuilding import NotRebuildable, sources
from shop_events.services import declared
from shop_events.topics import SERVICES

OF_LOGS_THAT_FORGET = {("session", "orders"), ("analytics", "stock")}
"""Until their owners can tell the state again (docs/adr/0008)."""

SERVICE = declared()


def projections(service: str) -> set[str]:
    return {handler.projection for handler in SERVICE[service].subscriptions if handler.projection}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_how_to_forget_each_of_its_read_models(service: str) -> None:
    read_models = vars(SERVICE[service])["read_models"]
    assert read_models.keys() >= projections(service), "name it in Service.read_models"


@pytest.mark.parametrize("service", SERVICES)
def test_a_read_model_comes_from_topics_that_keep_everything(service: str) -> None:
    for projection in projections(service):
        if (service, projection) in OF_LOGS_THAT_FORGET:
            with pytest.raises(NotRebuildable):
                sources(SERVICE[service].subscriptions, projection)
        else:
            assert sources(SERVICE[service].subscriptions, projection)
