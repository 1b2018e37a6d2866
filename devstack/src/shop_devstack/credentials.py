"""Keys and passwords of the laptop's stack: made here, kept in its folder, never a real provider's."""

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, SecretStr

from shop_devstack.errors import RealCredentialsError

_REAL = ("SENDGRID_API_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")


def refuse_real(environment: Mapping[str, str]) -> None:
    """Raise RealCredentialsError when a provider's credentials are set."""
    if found := [name for name in _REAL if environment.get(name)]:
        raise RealCredentialsError(found)


class StackKeys(BaseModel):
    """Identity's own secrets, and what the sandbox and the services must both know."""

    identity_key_encryption_key: str
    identity_hash_key: str

    sendgrid_api_key: str
    sendgrid_signing_key: str
    """PEM of a P-256 private key."""
    sendgrid_webhook_public_key: str
    """Base64 of its public half as DER SubjectPublicKeyInfo, as SendGrid shows it."""
    twilio_account_sid: str
    twilio_auth_token: str
    payment_api_key: str
    payment_webhook_secret: str
    notifier_unsubscribe_key: str

    @classmethod
    def generate(cls) -> "StackKeys":
        """Return fresh random keys."""
        signing = ec.generate_private_key(ec.SECP256R1())
        public = signing.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        private = signing.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return cls(
            identity_key_encryption_key=Fernet.generate_key().decode(),
            identity_hash_key=secrets.token_urlsafe(32),
            sendgrid_api_key=f"SG.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}",
            sendgrid_signing_key=private.decode(),
            sendgrid_webhook_public_key=base64.b64encode(public).decode(),
            twilio_account_sid=f"AC{secrets.token_hex(16)}",
            twilio_auth_token=secrets.token_hex(16),
            payment_api_key=f"sk_sandbox_{secrets.token_urlsafe(24)}",
            payment_webhook_secret=f"whsec_{secrets.token_urlsafe(24)}",
            notifier_unsubscribe_key=Fernet.generate_key().decode(),
        )

    @classmethod
    def kept_in(cls, file: Path) -> "StackKeys":
        """Return the keys of a file, making those that it lacks."""
        kept = json.loads(file.read_text()) if file.exists() else {}
        keys = cls.model_validate({**cls.generate().model_dump(), **kept})
        if keys.model_dump() != kept:
            write_private(file, keys.model_dump())
        return keys


class ServerPasswords(BaseModel):
    """What the users of the stack's own servers log in with, by user."""

    kafka: dict[str, SecretStr]
    mongodb: dict[str, SecretStr]

    @classmethod
    def kept_in(cls, file: Path, kafka: Iterable[str], mongodb: Iterable[str]) -> "ServerPasswords":
        """Return the passwords of a file, making those of users that it lacks."""
        kept = json.loads(file.read_text()) if file.exists() else {}
        words = {
            server: {user: kept.get(server, {}).get(user) or secrets.token_hex(24) for user in users}
            for server, users in {"kafka": kafka, "mongodb": mongodb}.items()
        }
        if words != kept:
            write_private(file, words)
        return cls.model_validate(words)


class Account(BaseModel):
    """The first administrator of this stack."""

    email: str = "admin@shopstream.example"
    password: str
    created: bool = False
    """Whether identity has confirmed it."""

    @classmethod
    def kept_in(cls, file: Path) -> "Account":
        """Return the account of a file; its password is made, and kept, before the account is."""
        if file.exists():
            return cls.model_validate(json.loads(file.read_text())["admin"])
        account = cls(password=secrets.token_urlsafe(15))
        account.keep_in(file)
        return account

    def keep_in(self, file: Path) -> None:
        """Write the account."""
        write_private(file, {"admin": self.model_dump()})


def write_private(file: Path, content: Mapping[str, object]) -> None:
    """Replace a file by JSON that only this user may read; never leaves half of it."""
    write_private_text(file, json.dumps(content, indent=2))


def write_private_text(file: Path, text: str) -> None:
    """Replace a file by text that only this user may read; never leaves half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)  # one that others may read would stay so
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)
