"""Errors as clients see them: problem details (RFC 9457), and how everything raised becomes one.

::

    Problem
    ├── BadRequest            400
    ├── Unauthenticated       401, with WWW-Authenticate
    ├── Forbidden             403
    ├── NotFound              404
    ├── Conflict              409
    ├── PreconditionFailed    412
    ├── PayloadTooLarge       413
    ├── UnsupportedMediaType  415
    ├── Unprocessable         422, with ``errors``
    ├── PreconditionRequired  428
    ├── TooManyRequests       429, with Retry-After
    ├── HeadersTooLarge       431
    └── Unavailable           503, with Retry-After
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shop_events.context import current_trace

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:shopstream:problem:"


class Problem(HTTPException):
    """An error with an answer. It is an ``HTTPException``, which FastAPI lets through wherever it is raised.

    A subclass sets ``status``, ``slug`` (the stable end of ``type``) and ``title`` (the same for each
    occurrence). ``detail`` and further members tell of this occurrence; they never repeat what was sent.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(self.status, detail or self.title, dict(headers or {}))
        self.members = members

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return the problem that stands for an exception of the domain: its text, its ``members``."""
        return cls(str(error) or None, **_members(error))

    def response(self) -> Response:
        """Return the answer to the client."""
        detail = self.detail if self.detail != self.title else None
        return problem_response(
            self.status, self.slug, self.title, detail, headers=self.headers, members=self.members
        )


class BadRequest(Problem):
    """The request cannot be understood."""

    status, slug, title = 400, "bad-request", "The request cannot be understood"


class Unauthenticated(Problem):
    """Nobody valid asks. ``error`` is the code of RFC 6750, section 3.1; None when nothing was shown."""

    status, slug, title = 401, "unauthenticated", "A valid access token is needed"

    def __init__(self, error: str | None = "invalid_token") -> None:
        challenge = f'Bearer error="{error}"' if error else "Bearer"
        super().__init__(
            "The access token is missing, expired, revoked or not valid here.",
            headers={"WWW-Authenticate": challenge},
        )

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return the one answer there is: it never says why."""
        return cls()


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status, slug, title = 403, "forbidden", "This is not allowed"


class NotFound(Problem):
    """There is no such thing, or none that the caller may know of."""

    status, slug, title = 404, "not-found", "There is no such thing"


class Conflict(Problem):
    """The state of things does not allow it."""

    status, slug, title = 409, "conflict", "The current state does not allow this"


class PreconditionFailed(Problem):
    """The version that was named in If-Match is not the current one."""

    status, slug, title = 412, "precondition-failed", "It was changed in the meantime"


class PayloadTooLarge(Problem):
    """The body is larger than allowed."""

    status, slug, title = 413, "payload-too-large", "The body is too large"


class UnsupportedMediaType(Problem):
    """The body is of a type that is not read here."""

    status, slug, title = 415, "unsupported-media-type", "The body's media type is not read here"


class Unprocessable(Problem):
    """The request is well-formed, but values in it are not acceptable.

    ``errors`` is a list of ``{"pointer": "#/lines/0/quantity", "message": …}`` for the body, or
    ``{"in": "query", "name": "limit", "message": …}`` for parameters.
    """

    status, slug, title = 422, "validation", "Values in the request are not acceptable"

    def __init__(self, errors: Sequence[Mapping[str, str]], detail: str | None = None) -> None:
        super().__init__(detail, errors=list(errors))

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return the problem with the exception's text and the ``errors`` among its members."""
        return cls(_members(error).get("errors", ()), str(error) or None)


class PreconditionRequired(Problem):
    """A change must name the version it is based on."""

    status, slug, title = 428, "precondition-required", "If-Match with the ETag of what is changed is needed"


class _Later(Problem):
    """A problem that may be over after ``retry_after`` seconds."""

    def __init__(self, detail: str | None = None, *, retry_after: float = 1, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, math.ceil(retry_after)))}, **members)


class TooManyRequests(_Later):
    """The caller asks too often."""

    status, slug, title = 429, "too-many-requests", "Too many requests"


class HeadersTooLarge(Problem):
    """The header fields are larger than allowed."""

    status, slug, title = 431, "headers-too-large", "The header fields are too large"


class Unavailable(_Later):
    """Something this needs is not there at the moment."""

    status, slug, title = 503, "unavailable", "Not available at the moment"


ErrorMap = Mapping[type[Exception], type[Problem] | int]
"""How an API answers the plain exceptions of its domain: with a status, or as a :class:`Problem`.

With a status, type and title come from the exception's class: ``OutOfStock`` is ``…:out-of-stock``, "Out of
stock"; class attributes ``slug`` and ``title`` override that. The exception's text is the detail, and an
attribute ``members`` (a dict) is added to the document.
"""


def problem_response(
    status: int,
    slug: str | None,
    title: str,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """Return a problem document; ``type`` is about:blank without a slug (RFC 9457, section 4.2.1)."""
    document: dict[str, Any] = dict(members or {})
    document |= {"type": f"{TYPE_PREFIX}{slug}" if slug else "about:blank", "title": title, "status": status}
    if detail:
        document["detail"] = detail
    if trace := current_trace():
        document["correlation_id"] = trace.correlation_id
    sent = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", "Bearer")  # RFC 9110, section 15.5.2
    return Response(orjson.dumps(document), status, sent, MEDIA_TYPE)


def status_response(error: HTTPException) -> Response:
    """Return the problem of an error that says no more than its status, such as an unknown route."""
    title = HTTPStatus(error.status_code).phrase
    return problem_response(error.status_code, None, title, headers=error.headers)


def mapped_response(error: Exception, errors: ErrorMap) -> Response:
    """Return the problem of an exception that ``errors`` has an entry for, by its class or a base of it."""
    kind = next(cls for cls in type(error).__mro__ if cls in errors)
    target = errors[kind]
    if not isinstance(target, int):
        return target.of(error).response()
    cls = type(error)
    return problem_response(target, slug_of(cls), title_of(cls), str(error), members=_members(error))


def slug_of(cls: type[Exception]) -> str:
    """Return the stable end of the problem type of an exception class."""
    return getattr(cls, "slug", None) or "-".join(_words(cls)).lower()


def title_of(cls: type[Exception]) -> str:
    """Return the title of the problem of an exception class."""
    return getattr(cls, "title", None) or " ".join(_words(cls)).capitalize()


def _members(error: Exception) -> Mapping[str, Any]:
    members = getattr(error, "members", None)
    return members if isinstance(members, Mapping) else {}


def _words(cls: type[Exception]) -> Iterable[str]:
    return re.findall(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z][a-z0-9]*", cls.__name__.removesuffix("Error")) or [
        "error"
    ]
