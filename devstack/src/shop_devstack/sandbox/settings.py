"""What the sandbox reads from its environment. The defaults are its own; none opens a real account."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SandboxSettings(BaseSettings):
    """Credentials the sandbox accepts, the keys it signs with and the addresses it reports to."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore")

    sendgrid_api_key: str = Field("SG.sandbox", description="The one API key the mail API accepts.")
    sandbox_sendgrid_signing_key: str = Field(
        "", description="P-256 private key (PEM) that signs mail events; needed once they have an address."
    )
    sandbox_sendgrid_webhook_url: str = Field(
        "", description="Where mail events are posted; empty: nobody is told."
    )
    twilio_account_sid: str = Field(
        "AC" + "0" * 32,
        pattern="^AC[0-9a-fA-F]{32}$",
        description="The one account of the messages API, and the user name of its basic authentication.",
    )
    twilio_auth_token: str = Field(
        "sandbox", min_length=1, description="Its password, and the key that signs status callbacks."
    )
    payment_api_key: str = Field("sk_sandbox", description="The one bearer key the payment API accepts.")
    payment_webhook_secret: str = Field(
        "whsec_sandbox", min_length=1, description="Key of the HMAC on payment events."
    )
    sandbox_payment_webhook_url: str = Field(
        "", description="Where payment events are posted; empty: nobody is told."
    )

    @model_validator(mode="after")
    def _events_are_signed(self) -> Self:
        if self.sandbox_sendgrid_webhook_url and not self.sandbox_sendgrid_signing_key:
            raise ValueError("SANDBOX_SENDGRID_WEBHOOK_URL needs SANDBOX_SENDGRID_SIGNING_KEY")
        return self
