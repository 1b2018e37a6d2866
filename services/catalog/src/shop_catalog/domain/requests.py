"""Who asked for a new thing, and how to know the same request again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shop_catalog.domain.errors import KeyReused

NO_KEY = ""
"""Stands for what was made without a key, such as by an import: it is known by something else."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An idempotency key, which belongs to the user who chose it, and what was asked under it.

    Args:
        user_id: who asked.
        key: the ``Idempotency-Key``.
        fingerprint: hash of the request.
    """

    user_id: str
    key: str
    fingerprint: str

    def assert_repeats(self, earlier: RequestKey, order_id: str | None = None) -> None:
        """Make sure that this is the earlier request once more.

        Args:
            earlier: what was asked under the same key by the same user.
            order_id: the order that was placed for it, to be told if it is another one.

        Raises:
            KeyReused: the key is the same and the request is not.
        """
        if self.fingerprint != earlier.fingerprint:
            raise KeyReused("The key was used for another request.", order_id)


class Requested(Protocol):
    """Something that was made for a request."""

    @property
    def request(self) -> RequestKey: ...


T = TypeVar("T", bound=Requested)


def earlier(made: Iterable[T], request: RequestKey) -> T | None:
    """Return what was made for this request before.

    Raises:
        KeyReused: the key was used for another request.
    """
    for each in made:
        if (each.request.user_id, each.request.key) == (request.user_id, request.key):
            request.assert_repeats(each.request)
            return each
    return None
