"""Text messages through Twilio's SDK (2010-04-01 Messages), and its status callbacks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from urllib.parse import urlencode

import requests
from requests.exceptions import ConnectTimeout, RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from urllib3.exceptions import MaxRetryError, NewConnectionError

from shop_notifier.adapters.retry_after import retry_after
from shop_notifier.adapters.threads import Threads
from shop_notifier.domain.errors import ForgedWebhook
from shop_notifier.domain.notifications import News, Status
from shop_notifier.domain.sending import Accepted, Lost, Message, NotTaken, Outcome, Refused

# Below WARNING the client logs what it sends.
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)

CALLBACK_PATH = "/v1/webhooks/twilio"
_STATUS = {
    "accepted": Status.SENT,
    "queued": Status.SENT,
    "sending": Status.SENT,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.BOUNCED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}


class _TooManyRequests(Exception):
    """Status 429, with the seconds that Retry-After asks for; the SDK's own error has no headers."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.seconds = seconds


class Twilio:
    """Sends text messages, one HTTP call each, by one client per thread: a requests session is not shared."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        base_url: str,
        sender: str,
        public_url: str,
        *,
        concurrency: int,
        timeout: float,
    ) -> None:
        self._credentials = (account_sid, auth_token)
        self._base_url = base_url.rstrip("/")
        self._sender = sender
        self._callback = f"{public_url.rstrip('/')}{CALLBACK_PATH}"
        self._timeout = timeout
        self._threads = Threads("twilio", concurrency)
        self._local = threading.local()

    async def send(self, message: Message) -> Outcome:
        """Send a text message; see :class:`shop_notifier.domain.sending.Provider`."""
        return await self._threads.run(lambda: self._send(message))

    def close(self) -> None:
        """Send nothing more."""
        self._threads.close()

    def _send(self, message: Message) -> Outcome:
        tags = {name: message.tags[name] for name in ("notification_id", "order_id") if name in message.tags}
        try:
            created = self._client().messages.create(
                to=message.address,
                from_=self._sender,
                body=message.text,
                status_callback=f"{self._callback}?{urlencode(tags)}",
            )
        except _TooManyRequests as error:
            return NotTaken("too_many_requests", error.seconds)
        except (TwilioRestException, TwilioServiceException) as error:
            return _refusal(error)
        except RequestException as error:
            return _interruption(error)
        except (TwilioException, OSError, ValueError):
            return Lost("unreadable_answer")
        return Accepted(created.sid)

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            http = TwilioHttpClient(timeout=self._timeout, request_hooks={"response": [_notice_overload]})
            client = Client(*self._credentials, http_client=http)
            client.api.base_url = self._base_url
            self._local.client = client
        return client


def _notice_overload(response: requests.Response, *_: object, **__: object) -> None:
    if response.status_code == 429:
        response.close()
        raise _TooManyRequests(retry_after(response.headers))


def _refusal(error: TwilioRestException | TwilioServiceException) -> Outcome:
    if error.status == 401:
        return NotTaken("credentials")
    if error.status >= 500:
        return Lost(f"http_{error.status}")
    return Refused(f"twilio_{error.code}")


def _interruption(error: Exception) -> Outcome:
    cause = error.args[0] if error.args else None
    never_connected = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    if never_connected or isinstance(error, ConnectTimeout):
        return NotTaken("not_reached")
    return Lost("timeout" if isinstance(error, requests.Timeout) else "connection_lost")


class TwilioWebhook:
    """Reads status callbacks, once they are known to come from Twilio."""

    def __init__(self, auth_token: str, public_url: str) -> None:
        self._validator = RequestValidator(auth_token)
        self._url = f"{public_url.rstrip('/')}{CALLBACK_PATH}"

    def news(self, query: str, form: Mapping[str, str], signature: str, notification_id: str) -> list[News]:
        """Return what a callback says, if it is about a notification of ours.

        Args:
            query: the query string exactly as received: the signature is over the whole public URL.
            form: the fields of the body.
            signature: header X-Twilio-Signature.
            notification_id: the parameter of that name, put into the URL when the message was sent.

        Raises:
            ForgedWebhook: the signature does not hold.
        """
        url = f"{self._url}?{query}" if query else self._url
        if not self._validator.validate(url, dict(form), signature):
            raise ForgedWebhook
        told, sid = form.get("MessageStatus", ""), form.get("MessageSid", "")
        status = _STATUS.get(told)
        if status is None or not sid or not notification_id:
            return []
        return [News(f"twilio:{sid}:{told}", notification_id, status, sid)]
