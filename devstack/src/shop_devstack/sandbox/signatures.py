"""How each provider signs what it posts, so that the verifiers of the official SDKs accept it."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class SigningKeyError(ValueError):
    """The PEM text holds no P-256 private key."""


def new_signing_key() -> str:
    """Make a key for mail events: PKCS 8 PEM, P-256, not encrypted."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def verification_key(signing_key: str) -> str:
    """Return the public half as SendGrid shows it: base64 of DER, without PEM armour."""
    public = load_signing_key(signing_key).public_key()
    return base64.b64encode(
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).decode()


def load_signing_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 private key.

    Raises:
        SigningKeyError: it is something else.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyError("not a PEM private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SigningKeyError("not a P-256 key")
    return key


def sendgrid_signature(key: ec.EllipticCurvePrivateKey, timestamp: str, body: bytes) -> str:
    """Sign a batch of mail events: ECDSA over SHA-256 of timestamp and raw body, DER, in base64."""
    return base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()


def twilio_signature(auth_token: str, url: str, fields: Mapping[str, str]) -> str:
    """Sign a status callback: HMAC-SHA1 over the full URL and the sorted form fields, in base64."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(auth_token.encode(), signed.encode(), "sha1")).decode()


def payment_signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a payment event as `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
