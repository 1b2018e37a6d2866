"""Notifier's environment."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, field_validator, model_validator

from shop_chassis.settings import ServiceSettings, secrets_in
from shop_notifier.domain.policies import Rules


class NotifierSettings(ServiceSettings):
    """Notifier tells people what concerns them, through the site, email and SMS."""

    service_name: str = Field("notifier", description="Name in logs, metrics and event sources")
    mongodb_database: str = Field(
        "shop_notifier",
        pattern=r"^[A-Za-z0-9_-]{1,63}$",
        description="Database that this service owns alone",
    )
    http_port: int = Field(8104, ge=0, le=65535, description="Port of the API; 0 takes a free one")

    sendgrid_api_key: SecretStr = Field(min_length=1, description="API key of the mail provider")
    sendgrid_base_url: str = Field(
        "https://api.sendgrid.com", pattern=r"^https?://", description="Where SendGrid's v3 API is"
    )
    sendgrid_webhook_public_key: str = Field(
        min_length=1, description="Key that verifies mail events, base64 of DER, as SendGrid shows it"
    )
    mail_from: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="Sender address of all mail")

    twilio_account_sid: str = Field(
        pattern=r"^AC[0-9a-fA-F]{32}$", description="Account of the text message provider"
    )
    twilio_auth_token: SecretStr = Field(
        min_length=1, description="Its secret: authenticates us, and verifies status callbacks"
    )
    twilio_base_url: str = Field(
        "https://api.twilio.com", pattern=r"^https?://", description="Where Twilio's 2010-04-01 API is"
    )
    sms_from: str = Field(min_length=1, description="Sender of all text messages: a number or a sender id")

    send_concurrency: int = Field(16, ge=1, le=200, description="Most sends in flight on each channel")
    provider_timeout_seconds: float = Field(
        10, gt=0, le=60, description="How long a provider may take to connect, or to answer"
    )
    claim_stale_seconds: float = Field(
        25, gt=0, le=3600, description="Age from which a send that nobody reported on counts as interrupted"
    )
    settle_deadline_seconds: float = Field(
        30, gt=0, le=86_400, description="How long an outcome may stay unknown before policy decides it"
    )
    settle_interval_seconds: float = Field(
        2,
        gt=0,
        le=60,
        description="Time between two looks for interrupted sends, unknown outcomes and digests that are due",
    )

    alert_window_seconds: float = Field(
        60,
        gt=0,
        le=3600,
        description="How long alerts of one rule are gathered before administrators are mailed",
    )

    suggestion_mails: int = Field(
        2, ge=0, le=100, description="Most mails with suggestions that one person gets in SUGGESTION_DAYS"
    )
    suggestion_days: float = Field(
        7, gt=0, le=365, description="Time in which mails with suggestions are counted"
    )
    broadcast_days: float = Field(
        30, gt=0, le=365, description="How long a broadcast is shown, unless it is withdrawn"
    )
    inbox_streams: int = Field(
        256, ge=1, le=100_000, description="Live inboxes open in this process; half of MAX_IN_FLIGHT at most"
    )
    inbox_streams_per_user: int = Field(
        8, ge=1, le=1000, description="Live inboxes of one user in this process"
    )
    inbox_stream_heartbeat_seconds: float = Field(
        15, gt=0, le=300, description="Silence after which a live inbox shows that it is alive"
    )
    unsubscribe_key: SecretStr = Field(
        description="Fernet keys that seal the links to unsubscribe and, in the database, what guests are to "
        "be mailed; separated by commas: the first one seals, all of them open. 32 random bytes each, "
        "base64url; without one, its old links are dead"
    )

    @field_validator("unsubscribe_key")
    @classmethod
    def _opens(cls, value: SecretStr) -> SecretStr:
        for key in secrets_in(value):
            Fernet(key)
        return value

    @model_validator(mode="after")
    def _claims_outlast_sends(self) -> Self:
        if self.claim_stale_seconds < 2 * self.provider_timeout_seconds:
            raise ValueError("CLAIM_STALE_SECONDS must be at least twice PROVIDER_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _streams_leave_room(self) -> Self:
        if self.inbox_streams > self.max_in_flight // 2:
            raise ValueError("INBOX_STREAMS must be at most half of MAX_IN_FLIGHT")
        return self

    @property
    def rules(self) -> Rules:
        """Return what the use cases need to know of the environment."""
        return Rules(
            public_url=self.public_url,
            alert_window=timedelta(seconds=self.alert_window_seconds),
            suggestions_per_person=self.suggestion_mails,
            suggestion_period=timedelta(days=self.suggestion_days),
            broadcast_life=timedelta(days=self.broadcast_days),
        )

    @property
    def unsubscribe_keys(self) -> list[str]:
        """Return the keys that seal links to unsubscribe, one by one."""
        return secrets_in(self.unsubscribe_key)

    @property
    def claims_last(self) -> timedelta:
        """Return the age from which a claim's holder cannot be sending any more."""
        return timedelta(seconds=self.claim_stale_seconds)

    @property
    def settle_within(self) -> timedelta:
        """Return how long an outcome may stay unknown."""
        return timedelta(seconds=self.settle_deadline_seconds)
