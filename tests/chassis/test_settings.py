from __future__ import annotations

import pytest
from pydantic import ValidationError

from shop_chassis.settings import ServiceSettings
from tests.chassis.conftest import TestedSettings


def test_every_variable_says_what_it_is_for() -> None:
    assert [name for name, field in ServiceSettings.model_fields.items() if not field.description] == []


def test_variables_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "k:1")
    monkeypatch.setenv("TOPIC_PREFIX", "t.")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    monkeypatch.setenv("LOG_LEVEL", "")
    settings = TestedSettings()
    assert (settings.kafka.bootstrap_servers, settings.kafka.topic_prefix) == ("k:1", "t.")
    assert settings.proxies == ["10.0.0.0/8", "::1"]
    assert settings.log_level == "INFO"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MONGO_DRIVER", "motor"), ("TRUSTED_PROXIES", "*"), ("HTTP_PORT", "99999"), ("LOG_LEVEL", "loud")],
)
def test_unusable_values_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as caught:
        TestedSettings()
    assert "input_value" not in str(caught.value)


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URL", "mongodb://user:hunter2@host/")
    assert "hunter2" not in repr(TestedSettings())
