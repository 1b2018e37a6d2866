"""Keyed hashes that stand for what must not be kept or told: typed addresses, client addresses, requests,
codes that are too short for a hash without a key."""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import IPv6Address, ip_address


class Pseudonyms:
    """Turns texts into hashes that nobody without ``secret`` can compute or compare."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def account(self, email_key: str) -> str:
        """Return the pseudonym of an e-mail address, whether or not somebody has registered with it."""
        return self._hash("account", email_key)

    def client(self, address: str) -> str:
        """Return the pseudonym of a client address; an IPv6 network of 64 bits counts as one client."""
        return self._hash("client", _network(address))

    def fingerprint(self, text: str) -> str:
        """Return the pseudonym of a request."""
        return self._hash("request", text)

    def code(self, verification_id: str, code: str) -> str:
        """Return what is kept of a code; the same code in another verification is another one."""
        return self._hash("code", f"{verification_id}\x1f{code}")

    def _hash(self, purpose: str, text: str) -> str:
        message = f"{purpose}\x1f{text}".encode(errors="replace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:32]


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and not parsed.ipv4_mapped:
        return str(int(parsed) >> 64)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
