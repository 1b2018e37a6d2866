"""Visitors made for a measurement, over the session service's own API."""

from __future__ import annotations

import json
from http.client import HTTPConnection

from shop_devstack.ports import LOOPBACK


def visitors(port: int, count: int, *, consent: bool) -> list[str]:
    """Begin sessions, each with or without consent to analytics; return their session strings."""
    connection = HTTPConnection(LOOPBACK, port, timeout=30)
    body = json.dumps({"analytics": consent, "marketing": consent})
    strings = []
    for _ in range(count):
        connection.request("PUT", "/v1/session/consent", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        strings.append(str(answer.headers["Session-Id"]))
    connection.close()
    return strings
