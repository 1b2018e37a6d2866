"""What routes are made of: request bodies, paging, idempotency keys, ETags, the unit of work.

Dependencies are coroutines although they wait for nothing: FastAPI runs plain functions in threads.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast

import orjson
from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from shop_chassis.problems import BadRequest, PreconditionFailed, PreconditionRequired

P = ParamSpec("P")
T = TypeVar("T")


class Body(BaseModel):
    """A request body: unknown fields are refused, numbers in quotes are no numbers, text is trimmed.

    A field that arrives as text but is none (a time, an enum) is declared with :data:`FromText`. Each text
    needs its own ``max_length``; where it has none, 10,000 characters are the bound.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        str_strip_whitespace=True,
        str_max_length=10_000,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


ONE_LINE = r"^[^\x00-\x1f\x7f\u202d\u202e]*$"
"""Pattern of text without control characters, nor such as turn what follows the other way round."""

SEVERAL_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202d\u202e]*$"
"""The same, but tabs and line ends are fine."""

FromText = Field(strict=False)
"""``Annotated[datetime, FromText]``: JSON has no such type, so text is read as one."""


class BadIdempotencyKey(BadRequest):
    """A request that creates needs a key, so that it can be repeated safely."""

    slug, title = "idempotency-key", "An Idempotency-Key of 1 to 200 visible ASCII characters is needed"


class BadCursor(BadRequest):
    """The cursor was not given out by this list."""

    slug, title = "invalid-cursor", "The cursor is not one of this list"


class BadEntityTag(BadRequest):
    """If-Match is not a single entity tag."""

    slug, title = "invalid-if-match", "If-Match must be the one ETag that was answered"


async def _idempotency_key(
    value: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key", description="Repeating a request with the same key repeats its answer"
        ),
    ] = None,
) -> str:
    if value is None or not is_idempotency_key(value):
        raise BadIdempotencyKey
    return value


def is_idempotency_key(value: str) -> bool:
    """Say whether a request's key is of the form that keys have."""
    return re.fullmatch(r"[!-~]{1,200}", value) is not None


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
"""The request's Idempotency-Key, required."""


def etag(version: int, form: str = "") -> str:
    """Return the strong entity tag of a version (RFC 9110, section 8.8.3), quotes included.

    Args:
        version: of what is shown.
        form: the form it is shown in, where there are several, such as a language (letters, digits, ``-``).
    """
    return f'"v{version}.{form}"' if form else f'"v{version}"'


def names(if_none_match: str, tag: str) -> bool:
    """Say whether If-None-Match names ``tag``, by weak comparison (RFC 9110, section 13.1.2)."""
    named = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return tag in named or "*" in named


async def _if_match(
    value: Annotated[str | None, Header(alias="If-Match", description="ETag of what is changed")] = None,
) -> int:
    if value is None:
        raise PreconditionRequired
    if not re.fullmatch(r'(W/)?"[!#-~]{0,100}"', value):
        raise BadEntityTag
    ours = re.fullmatch(r'"v(\d{1,15})(?:\.[A-Za-z0-9-]{1,60})?"', value)
    if not ours:
        raise PreconditionFailed  # a weak or foreign tag is well-formed and matches nothing
    return int(ours[1])


IfMatch = Annotated[int, Depends(_if_match)]
"""The version that the client bases its change on."""


def encode_cursor(*position: str | int) -> str:
    """Return an opaque text for a position in a list: the sort key of the last item shown."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """Return the position that :func:`encode_cursor` was given; its parts are exactly of ``types``.

    Raises:
        BadCursor: it is not one of this list.
    """
    try:
        position = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadCursor from error
    if not isinstance(position, list) or [type(part) for part in position] != list(types):
        raise BadCursor
    return tuple(position)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How much of a list is wanted, and from where. ``limit`` is 1 to 100."""

    limit: int
    cursor: str | None = None

    def after(self, *types: type) -> tuple[Any, ...] | None:
        """Return the position to go on after, None for the start.

        Raises:
            BadCursor: it is not one of this list.
        """
        return None if self.cursor is None else decode_cursor(self.cursor, *types)


async def _page(
    limit: Annotated[int, Query(ge=1, le=100, description="Most items to return")] = 20,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="next_cursor of the page before")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


Page = Annotated[PageRequest, Depends(_page)]
"""The part of a list that is wanted."""


class Listing(BaseModel, Generic[T]):
    """One page of a list. ``next_cursor`` is None on the last one."""

    items: list[T]
    next_cursor: str | None = None


class Transaction(Protocol):
    """Calls ``work(uow, *args)`` with a unit of work of the service, and returns what it returns."""

    async def __call__(
        self, work: Callable[Concatenate[Any, P], Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work``."""


async def _transact(request: Request) -> Transaction:
    return cast(Transaction, request.app.state.transact)


async def _read(request: Request) -> Transaction:
    return cast(Transaction, request.app.state.transact.read)


Transact = Annotated[Transaction, Depends(_transact)]
"""``await transact(orders.place, body, caller)``: one MongoDB transaction, repeated as MongoDB asks."""

Read = Annotated[Transaction, Depends(_read)]
"""``await read(products.show, id)``: a query outside of any transaction."""
