"""uvicorn as our processes run it: without its own signals, and with bounds on what is still arriving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shop_chassis.settings import ServiceSettings

IDLE_SECONDS = 120
"""How long an idle connection stays open. A gateway must close its own sooner, since a request that meets the
end of its connection comes to nothing, and one that is no GET cannot simply be sent again.
"""

_HTTP_SHARE_OF_DEADLINE = 0.5
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class HttpServer(uvicorn.Server):
    """A server that is told to stop by the process, which handles its signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def http_server(app: ASGIApp, settings: ServiceSettings) -> HttpServer:
    """Return a server for ``app``; it listens on nothing yet."""

    class Protocol(_BoundedProtocol):
        most = 4 * settings.max_header_bytes

    return HttpServer(
        uvicorn.Config(
            app,
            http=Protocol,
            loop="none",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            # Idle connections count as well; requests at once are bounded by the application.
            limit_concurrency=8 * settings.max_in_flight,
            timeout_graceful_shutdown=max(1, int(settings.shutdown_seconds * _HTTP_SHARE_OF_DEADLINE)),
        )
    )


class _BoundedProtocol(HttpToolsProtocol):
    """Cuts off whoever sends headers or trailers without end, which httptools would gather in memory.

    The application answers what is a little too large with a problem document; this is far beyond that.
    """

    most = 65_536
    _without_progress = 0

    def data_received(self, data: bytes) -> None:
        """Read on, unless bytes keep coming that complete no headers and are no body."""
        self._without_progress += len(data)
        super().data_received(data)
        if self._without_progress > self.most and not self.transport.is_closing():
            self.transport.write(_REFUSAL)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Count anew."""
        self._without_progress = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count anew: the application bounds the body."""
        self._without_progress = 0
        super().on_body(body)
