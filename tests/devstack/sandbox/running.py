"""A sandbox in a process of its own, and a customer's web server that hears its webhooks."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import orjson
from sendgrid import SendGridAPIClient
from twilio.rest import Client

API_KEY = "SG.test"
ACCOUNT = "AC" + "5" * 32
AUTH_TOKEN = "twilio-token"
PAYMENT_KEY = "sk_test"
PAYMENT_SECRET = "whsec_test"
DEADLINE_S = 10.0


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Return the first truthy answer; fail after a deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"within {DEADLINE_S} s: {what}")


@dataclass(frozen=True)
class Heard:
    """One request that the customer's server received."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """Records what is posted; the first `refusals` requests are answered 503."""

    heard: list[Heard] = field(default_factory=list)
    refusals: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                url = f"http://{self.headers['Host']}{self.path}"
                self.send_response(receiver.hear(Heard(url, dict(self.headers), body)))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hear(self, heard: Heard) -> int:
        with self._lock:
            if self.refusals > 0:
                self.refusals -= 1
                return 503
            self.heard.append(heard)
            return 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def events(self, path: str) -> list[dict[str, Any]]:
        """Return the JSON events posted to a path, batches flattened."""
        documents = [orjson.loads(each.body) for each in list(self.heard) if each.url == self.url + path]
        return [event for each in documents for event in (each if isinstance(each, list) else [each])]


class Sandbox:
    """`python -m shop_devstack.sandbox` with clients of the official SDKs."""

    def __init__(self, port: int, data: Path, environment: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            sys.executable,
            "-m",
            "shop_devstack.sandbox",
            "--port",
            str(port),
            "--data",
            str(data),
        ]
        self._environment = {**os.environ, **environment}
        self.http = httpx.Client(base_url=self.url)
        self.payments = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {PAYMENT_KEY}"})

    def start(self) -> Self:
        self.process = subprocess.Popen(self._command, env=self._environment)
        eventually(self._answers, "the sandbox answers")
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE_S)
        self.http.close()
        self.payments.close()

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the sandbox ended"
        try:
            return self.http.get("/sandbox/summary").is_success
        except httpx.TransportError:
            return False

    def mail_client(self, key: str = API_KEY) -> SendGridAPIClient:
        return SendGridAPIClient(key, host=self.url)

    def sms_client(self, token: str = AUTH_TOKEN) -> Client:
        client = Client(ACCOUNT, token)
        client.api.base_url = self.url
        return client

    def get(self, path: str, **query: str | int) -> Any:
        return self.http.get(f"/sandbox/{path}", params=query).raise_for_status().json()

    def fault(self, provider: str, **fault: Any) -> None:
        self.http.put(f"/sandbox/faults/{provider}", json=fault).raise_for_status()


def environment(receiver: Receiver, signing_key: str) -> dict[str, str]:
    """Return the variables of a sandbox that reports to a receiver."""
    return {
        "SENDGRID_API_KEY": API_KEY,
        "SANDBOX_SENDGRID_SIGNING_KEY": signing_key,
        "SANDBOX_SENDGRID_WEBHOOK_URL": f"{receiver.url}/sendgrid",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "PAYMENT_API_KEY": PAYMENT_KEY,
        "PAYMENT_WEBHOOK_SECRET": PAYMENT_SECRET,
        "SANDBOX_PAYMENT_WEBHOOK_URL": f"{receiver.url}/payments",
    }
