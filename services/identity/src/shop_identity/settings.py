"""The environment of identity."""

from __future__ import annotations

import os

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, field_validator

from shop_chassis.settings import ServiceSettings, secrets_in


class IdentitySettings(ServiceSettings):
    """identity: people, how they prove who they are, and what they may do."""

    service_name: str = "identity"
    http_port: int = Field(8102, ge=0, le=65535, description="Port of the API; 0 takes a free one")
    mongodb_database: str = Field(
        "shop_identity", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Database that this service owns alone"
    )

    identity_key_encryption_key: SecretStr = Field(
        description="Fernet keys that seal the signing keys in the database, separated by commas: the first "
        "one seals, all of them open. 32 random bytes each, base64url"
    )
    identity_hash_key: SecretStr = Field(
        min_length=32,
        description="Secret of the keyed hashes that stand for addresses in counters and events, "
        "32 characters or more; whoever changes it forgets failures and known clients",
    )
    identity_hash_workers: int = Field(
        os.cpu_count() or 2, ge=1, le=64, description="Passwords hashed at the same time"
    )
    identity_hash_queue: int = Field(
        64, ge=0, le=10_000, description="Passwords waiting to be hashed; more are answered 503"
    )
    identity_allow_test_addresses: bool = Field(
        False, description="Let people register with addresses of the reserved domain .test"
    )

    @field_validator("identity_key_encryption_key")
    @classmethod
    def _opens(cls, value: SecretStr) -> SecretStr:
        for key in secrets_in(value):
            Fernet(key)
        return value

    @property
    def sealing_keys(self) -> list[str]:
        """Return the keys that seal signing keys, one by one."""
        return secrets_in(self.identity_key_encryption_key)
