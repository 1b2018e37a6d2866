"""Requests as bytes."""

from __future__ import annotations

from typing import Any

import orjson


def request(method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> bytes:
    """Return an HTTP/1.1 request that keeps its connection; ``body`` becomes JSON."""
    lines = [f"{method} {path} HTTP/1.1", "host: bench", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    content = b"" if body is None else orjson.dumps(body)
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content
