"""What notifier does not start with."""

from typing import Any

import pytest
from pydantic import ValidationError

from shop_notifier.settings import NotifierSettings
from tests.notifier.conftest import UNSUBSCRIBE_KEY

NEEDED = {
    "sendgrid_api_key": "SG.x",
    "sendgrid_webhook_public_key": "x",
    "mail_from": "shop@example.com",
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "x",
    "sms_from": "+15005550006",
    "unsubscribe_key": UNSUBSCRIBE_KEY,
}


def test_keys_of_links_can_be_changed_one_after_the_other() -> None:
    settings = NotifierSettings.model_validate(
        NEEDED | {"unsubscribe_key": f"{UNSUBSCRIBE_KEY}, {UNSUBSCRIBE_KEY}"}
    )
    assert settings.unsubscribe_keys == [UNSUBSCRIBE_KEY, UNSUBSCRIBE_KEY]


@pytest.mark.parametrize(
    "wrong",
    [
        {"unsubscribe_key": ""},
        {"unsubscribe_key": "no key"},
        {"inbox_streams": 300, "max_in_flight": 512},
        {"claim_stale_seconds": 10, "provider_timeout_seconds": 10},
    ],
    ids=["no key", "a bad key", "streams that leave no room", "claims that end before sends do"],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        NotifierSettings.model_validate(NEEDED | wrong)
    assert "no key" not in str(refused.value)
